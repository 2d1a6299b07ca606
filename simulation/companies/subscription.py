"""Subscription software: onboarding, tickets, trials of more, renewals."""

from __future__ import annotations

from simulation.kinds import (
    Attention,
    Cases,
    CompanyKind,
    Contract,
    Goals,
    HistoricalRules,
    Leaving,
    MessageType,
    Onboarding,
    Purchases,
    Rhythm,
)

_MESSAGES = (
    MessageType(
        "newsletter", "marketing", "newsletter", "promotional", {"email": 1.0}, "weekly", 0.65, 6, 72,
        value=0.2, click=0.099, click_by_goal={"evaluate": 2.0, "use": 1.4, "get_help": 1.3},
        annoyance=0.0045, annoyance_by_goal={"get_help": 3.0, "leave": 2.5, "get_started": 1.5},
        harm_share=0.15,
    ),
    MessageType(
        "upsell", "marketing", "upsell", "promotional", {"email": 0.6, "in_app": 0.4}, "random", 0.11,
        5, 120, value=1.0, click=0.121,
        click_by_goal={"evaluate": 2.6, "buy": 3.0, "get_help": 1.6, "use": 1.2}, progress="purchase",
        helps=0.01, helps_by_goal={"evaluate": 0.25, "buy": 0.22, "get_help": -0.02}, annoyance=0.015,
        annoyance_by_goal={"get_help": 4.0, "get_started": 2.2, "leave": 3.0, "evaluate": 0.5,
            "buy": 0.5},
        harm_share=0.45, leads_to="evaluate", discounts=(0, 10, 20),
    ),
    MessageType(
        "checkout_reminder", "marketing", "checkout", "lifecycle", {"email": 0.7, "push": 0.3},
        "checkout_abandoned", 1.8, 3, 48, value=0.8, click=0.264,
        click_by_goal={"buy": 2.0, "evaluate": 1.3}, progress="purchase", helps=0.02,
        helps_by_goal={"buy": 0.35, "evaluate": 0.15}, annoyance=0.0112,
        annoyance_by_goal={"get_help": 3.0, "leave": 2.0}, harm_share=0.3, discounts=(0, 10),
    ),
    MessageType(
        "demo_offer", "sales", "demo", "promotional", {"email": 0.75, "phone": 0.25},
        "pricing_viewed", 0.7, 10, 168, value=1.5, click=0.154,
        click_by_goal={"evaluate": 2.8, "buy": 1.5}, progress="purchase", helps=0.0,
        helps_by_goal={"evaluate": 0.16, "buy": -0.06}, annoyance=0.0165,
        annoyance_by_goal={"get_help": 3.5, "leave": 2.0, "evaluate": 0.6, "get_started": 1.4},
        harm_share=0.3, leads_to="evaluate",
    ),
    MessageType(
        "feature_survey", "product", "feature_survey", "survey", {"in_app": 1.0}, "random", 0.05, 14,
        96, value=0.4, click=0.176, click_by_goal={"use": 1.8, "advocate": 2.0, "get_help": 0.6},
        annoyance=0.015, annoyance_by_goal={"get_help": 3.0, "get_started": 1.6, "buy": 1.5},
        harm_share=0.1,
    ),
    MessageType(
        "onboarding_help", "product", "onboarding", "lifecycle", {"email": 0.5, "in_app": 0.5},
        "onboarding", 0.3, 3, 96, value=0.6, click=0.242,
        click_by_goal={"get_started": 2.4, "use": 0.7}, progress="onboarding", helps=0.05,
        helps_by_goal={"get_started": 0.5, "get_help": 0.12}, annoyance=0.009,
        annoyance_by_goal={"get_help": 2.0, "use": 1.5, "leave": 2.0, "get_started": 0.5},
        harm_share=0.2,
    ),
    MessageType(
        "feature_tip", "product", "feature", "lifecycle", {"in_app": 0.8, "email": 0.2}, "random",
        0.08, 6, 72, value=0.3, click=0.198, click_by_goal={"use": 1.6, "get_started": 1.2},
        annoyance=0.009, annoyance_by_goal={"get_help": 2.5, "buy": 1.6}, harm_share=0.1,
    ),
    MessageType(
        "renewal_reminder", "success", "renewal", "service", {"email": 0.7, "phone": 0.3},
        "contract_end", 0.22, 4, 96, value=2.0, click=0.264, click_by_goal={"buy": 1.5, "leave": 0.7},
        progress="renewal", helps=0.3, helps_by_goal={"buy": 0.5, "get_help": 0.05, "leave": 0.1},
        annoyance=0.0105, annoyance_by_goal={"leave": 5.0, "get_help": 3.0, "none": 1.5},
        harm_share=0.7,
    ),
    MessageType(
        "check_in", "success", "check_in", "service", {"email": 0.7, "phone": 0.3}, "inactive", 0.12,
        14, 120, value=0.8, click=0.154, click_by_goal={"get_started": 1.6, "use": 1.2},
        progress="onboarding", helps=0.02, helps_by_goal={"get_started": 0.3}, annoyance=0.012,
        annoyance_by_goal={"none": 1.6, "leave": 3.0, "get_help": 1.5}, harm_share=0.6,
        leads_to="use",
    ),
    MessageType(
        "invoice", "billing", "billing", "transactional", {"email": 1.0}, "invoice", 12.0, 20, 24,
        click=0.055, annoyance=0.0015, harm_share=0.1,
    ),
    MessageType(
        "payment_reminder", "billing", "billing", "service", {"email": 0.8, "sms": 0.2},
        "payment_failed", 0.7, 3, 96, value=1.2, click=0.33, annoyance=0.009,
        annoyance_by_goal={"get_help": 2.5, "leave": 2.0}, harm_share=0.3, soothes=True,
    ),
    MessageType(
        "case_answer", "support", "support", "transactional", {"email": 0.8, "chat": 0.2},
        "case_answer", 0.0, 0, 24, click=0.22, annoyance=0.0015, harm_share=0.1, about_case=True,
        soothes=True,
    ),
    MessageType(
        "case_update", "support", "support", "service", {"email": 0.9, "sms": 0.1}, "case_waiting",
        0.6, 1.5, 48, value=0.3, click=0.077, click_by_goal={"get_help": 1.5}, annoyance=0.009,
        annoyance_by_goal={"get_help": 0.8}, harm_share=0.3, about_case=True, soothes=True,
    ),
    MessageType(
        "nps_survey", "operations", "survey", "survey", {"email": 0.7, "in_app": 0.3}, "random", 0.03,
        40, 120, value=0.4, click=0.022, click_by_goal={"advocate": 2.0, "use": 1.3},
        annoyance=0.0075, annoyance_by_goal={"get_help": 2.5, "leave": 2.0}, harm_share=0.1,
        asks_nps=True,
    ),
    MessageType(
        "referral_ask", "marketing", "referral", "promotional", {"email": 0.6, "in_app": 0.4},
        "long_time_customer", 0.04, 30, 168, value=0.7, click=0.099, click_by_goal={"advocate": 3.0},
        progress="referral", helps=0.005, helps_by_goal={"advocate": 0.4, "use": 0.03},
        annoyance=0.012, annoyance_by_goal={"get_help": 4.0, "leave": 3.0, "get_started": 1.5},
        harm_share=0.3,
    ),
)  # fmt: skip

SUBSCRIPTION = CompanyKind(
    name="subscription",
    rhythm=Rhythm(
        sessions_per_day=0.42,
        weekdays=(1.2, 1.25, 1.2, 1.15, 1.0, 0.5, 0.5),
        peak_hour=13.0,
        peak_hour_spread=3.0,
        sharpness=1.6,
        zones={
            "Europe/London": 0.2,
            "Europe/Vienna": 0.2,
            "America/New_York": 0.25,
            "America/Los_Angeles": 0.15,
            "Asia/Kolkata": 0.1,
            "Australia/Sydney": 0.1,
        },
    ),
    goals=Goals(
        hours=60.0,
        weights=(4.0, 0.15, 0.9, 0.8, 0.35, 2.6, 0.25, 0.2),
        activity=(0.25, 1.5, 1.5, 1.3, 1.3, 1.4, 0.8, 1.0),
        events={
            "none": {"logged_in": 1.0},
            "get_help": {"help_viewed": 0.6, "error_hit": 0.25, "chat_started": 0.15},
            "get_started": {"docs_viewed": 0.4, "setup_viewed": 0.45, "teammate_invited": 0.15},
            "evaluate": {"pricing_viewed": 0.5, "content_viewed": 0.4, "demo_requested": 0.1},
            "buy": {"checkout_started": 0.5, "pricing_viewed": 0.5},
            "use": {"logged_in": 0.45, "feature_used": 0.55},
            "leave": {"cancel_viewed": 0.6, "help_viewed": 0.2, "pricing_viewed": 0.2},
            "advocate": {"review_posted": 0.4, "content_viewed": 0.6},
        },
        noise=0.15,
    ),
    onboarding=Onboarding(steps=6, daily_rate=0.55, stuck_daily_rate=0.14, unstuck_daily_rate=0.04),
    purchases=Purchases(event="upgraded", daily_rate=0.45, cycle_days=0.0, revenue=60.0),
    contract=Contract(
        days=(30, 90, 180, 365), early_daily_rate=0.04, automatic=2.0, invoice_every_days=30, payment_fails=0.06
    ),
    cases=Cases(
        daily_rate=0.022,
        after_invoice_factor=3.0,
        topics={"billing": 0.3, "technical": 0.45, "onboarding": 0.25},
        channels={"email": 0.6, "chat": 0.3, "phone": 0.1},
        opens=0.75,
        answer_hourly_rate=0.10,
        good_answer=0.6,
        hand_off_daily_rate=0.35,
        escalation_daily_rate=0.035,
    ),
    attention=Attention(
        fatigue_days=4.5, help_loss=0.22, harm_gain=0.5, case_gain=1.2, night_gain=0.8, tolerance_spread=0.5
    ),
    leaving=Leaving(
        cancel_daily_rate=0.12, downgrade_daily_rate=0.06, request_event="cancel_requested",
        gone_daily_rate=0.15, saved_daily_rate=0.25,
    ),
    rules=HistoricalRules(
        daily_cap=2,
        weekly_cap=5,
        holdback={
            "marketing": 0.25, "sales": 0.2, "product": 0.3, "success": 0.2, "billing": 0.15,
            "support": 0.15, "operations": 0.25,
        },
    ),
    messages=_MESSAGES,
    plans={"free": 0.3, "team": 0.45, "business": 0.25},
    segments={"self_serve": 0.6, "mid_market": 0.28, "enterprise": 0.12},
    missing_sources={
        "helpdesk": 0.08, "crm": 0.12, "marketing_hub": 0.06, "product_analytics": 0.1, "billing_system": 0.06,
        "survey_tool": 0.08,
    },
    late_minutes={
        "helpdesk": 3.0, "crm": 5.0, "marketing_hub": 12.0, "product_analytics": 6.0, "billing_system": 45.0,
        "survey_tool": 20.0,
    },
)  # fmt: skip
