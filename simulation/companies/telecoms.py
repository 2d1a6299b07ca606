"""A network operator: bills that people ask about, cases that wander for days, churn when contracts end."""

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
        "more_data", "marketing", "upsell", "promotional", {"sms": 0.6, "email": 0.4}, "random", 0.13,
        5, 120, value=1.0, click=0.135, click_by_goal={"evaluate": 2.4, "buy": 2.5, "use": 1.4},
        progress="purchase", helps=0.008,
        helps_by_goal={"evaluate": 0.2, "buy": 0.16, "use": 0.02, "get_help": -0.02}, annoyance=0.008,
        annoyance_by_goal={"get_help": 4.0, "leave": 2.5, "evaluate": 0.6}, harm_share=0.4,
        discounts=(0, 10, 20),
    ),
    MessageType(
        "news", "marketing", "newsletter", "promotional", {"email": 0.8, "sms": 0.2}, "weekly", 0.6,
        6, 96, value=0.2, click=0.105, click_by_goal={"evaluate": 1.8, "get_help": 1.4},
        annoyance=0.0035, annoyance_by_goal={"get_help": 3.5, "leave": 2.0}, harm_share=0.2,
    ),
    MessageType(
        "fibre_call", "sales", "fibre", "promotional", {"phone": 0.6, "sms": 0.4}, "random", 0.05, 14,
        168, value=2.0, click=0.165, click_by_goal={"evaluate": 2.6, "buy": 2.0}, progress="purchase",
        helps=0.01, helps_by_goal={"evaluate": 0.3, "buy": 0.12}, annoyance=0.014,
        annoyance_by_goal={"get_help": 3.0, "leave": 2.0, "evaluate": 0.6}, harm_share=0.35,
        leads_to="evaluate",
    ),
    MessageType(
        "device_offer", "sales", "device", "promotional", {"email": 0.5, "sms": 0.5},
        "pricing_viewed", 0.45, 10, 120, value=1.4, click=0.195,
        click_by_goal={"evaluate": 2.2, "buy": 1.8}, progress="purchase", helps=0.0,
        helps_by_goal={"evaluate": 0.18, "buy": 0.1, "leave": 0.02}, annoyance=0.008,
        annoyance_by_goal={"get_help": 3.0, "evaluate": 0.6}, harm_share=0.25, discounts=(0, 15),
    ),
    MessageType(
        "app_invitation", "product", "app", "lifecycle", {"sms": 0.7, "email": 0.3}, "onboarding",
        0.12, 7, 120, value=0.5, click=0.225, click_by_goal={"get_started": 2.2, "use": 1.2},
        progress="onboarding", helps=0.05, helps_by_goal={"get_started": 0.4, "get_help": 0.03},
        annoyance=0.006, annoyance_by_goal={"get_help": 2.5, "leave": 2.0, "get_started": 0.5},
        harm_share=0.2,
    ),
    MessageType(
        "network_survey", "product", "network_survey", "survey", {"sms": 0.8, "in_app": 0.2},
        "random", 0.045, 15, 96, value=0.3, click=0.18, click_by_goal={"use": 1.6}, annoyance=0.009,
        annoyance_by_goal={"get_help": 3.5, "leave": 2.0}, harm_share=0.12,
    ),
    MessageType(
        "retention_offer", "success", "renewal", "service", {"phone": 0.5, "sms": 0.2, "email": 0.3},
        "contract_end", 0.22, 6, 120, value=2.0, click=0.27,
        click_by_goal={"evaluate": 1.6, "leave": 1.1}, progress="renewal", helps=0.08,
        helps_by_goal={"leave": 0.4, "evaluate": 0.4, "buy": 0.4, "get_help": 0.02, "none": 0.04},
        annoyance=0.008, annoyance_by_goal={"none": 3.0, "use": 2.0, "get_help": 4.0, "leave": 0.8},
        harm_share=0.9, discounts=(0, 20),
    ),
    MessageType(
        "welcome_call", "success", "check_in", "service", {"phone": 0.6, "sms": 0.4}, "inactive",
        0.05, 25, 120, value=0.7, click=0.18, click_by_goal={"get_started": 1.8, "use": 1.2},
        progress="onboarding", helps=0.02, helps_by_goal={"get_started": 0.25}, annoyance=0.009,
        annoyance_by_goal={"none": 1.6, "leave": 3.0, "get_help": 1.2}, harm_share=0.5,
    ),
    MessageType(
        "bill", "billing", "billing", "transactional", {"email": 0.8, "sms": 0.2}, "invoice", 12.0,
        20, 24, click=0.12, annoyance=0.002, harm_share=0.2,
    ),
    MessageType(
        "payment_reminder", "billing", "billing", "service", {"sms": 0.7, "email": 0.3},
        "payment_failed", 0.8, 2, 96, value=1.2, click=0.525, annoyance=0.008,
        annoyance_by_goal={"get_help": 3.5, "leave": 2.0}, harm_share=0.4, soothes=True,
    ),
    MessageType(
        "outage_notice", "operations", "network", "service", {"sms": 0.9, "push": 0.1}, "random",
        0.035, 4, 24, value=0.3, click=0.09, click_by_goal={"get_help": 3.0}, annoyance=0.003,
        annoyance_by_goal={"get_help": 1.5}, harm_share=0.3,
    ),
    MessageType(
        "case_answer", "support", "support", "transactional",
        {"email": 0.5, "phone": 0.3, "chat": 0.2}, "case_answer", 0.0, 0, 24, click=0.27,
        annoyance=0.0015, harm_share=0.1, about_case=True, soothes=True,
    ),
    MessageType(
        "case_update", "support", "support", "service", {"sms": 0.7, "email": 0.3}, "case_waiting",
        0.45, 1.5, 48, value=0.4, click=0.09, click_by_goal={"get_help": 1.6}, annoyance=0.005,
        annoyance_by_goal={"get_help": 0.8}, harm_share=0.3, about_case=True, soothes=True,
    ),
    MessageType(
        "nps_survey", "operations", "survey", "survey", {"sms": 0.7, "email": 0.3}, "random", 0.022,
        60, 120, value=0.4, click=0.03, annoyance=0.006,
        annoyance_by_goal={"get_help": 3.0, "leave": 2.0}, harm_share=0.15, asks_nps=True,
    ),
)  # fmt: skip

TELECOMS = CompanyKind(
    name="telecoms",
    rhythm=Rhythm(
        sessions_per_day=0.34,
        weekdays=(1.1, 1.05, 1.0, 1.0, 1.0, 0.95, 0.9),
        peak_hour=17.5,
        peak_hour_spread=4.0,
        sharpness=0.9,
        zones={
            "America/New_York": 0.4,
            "America/Chicago": 0.3,
            "America/Denver": 0.1,
            "America/Los_Angeles": 0.2,
        },
    ),
    goals=Goals(
        hours=80.0,
        weights=(5.0, 0.2, 0.3, 0.7, 0.25, 2.2, 0.3, 0.08),
        activity=(0.4, 1.9, 1.5, 1.6, 1.4, 1.5, 1.3, 1.0),
        events={
            "none": {"logged_in": 1.0},
            "get_help": {"help_viewed": 0.5, "call_started": 0.35, "chat_started": 0.15},
            "get_started": {"setup_viewed": 0.7, "docs_viewed": 0.3},
            "evaluate": {"pricing_viewed": 0.6, "content_viewed": 0.4},
            "buy": {"checkout_started": 0.5, "pricing_viewed": 0.5},
            "use": {"logged_in": 0.7, "feature_used": 0.3},
            "leave": {"cancel_viewed": 0.5, "pricing_viewed": 0.25, "call_started": 0.25},
            "advocate": {"review_posted": 0.5, "logged_in": 0.5},
        },
        noise=0.12,
    ),
    onboarding=Onboarding(steps=3, daily_rate=0.25, stuck_daily_rate=0.05, unstuck_daily_rate=0.02),
    purchases=Purchases(event="upgraded", daily_rate=0.25, cycle_days=0.0, revenue=25.0),
    contract=Contract(
        days=(365, 730), early_daily_rate=0.03, automatic=1.4, invoice_every_days=30, payment_fails=0.1
    ),
    cases=Cases(
        daily_rate=0.02,
        after_invoice_factor=5.0,
        topics={"billing": 0.6, "network": 0.3, "contract": 0.1},
        channels={"phone": 0.5, "chat": 0.2, "email": 0.3},
        opens=0.75,
        answer_hourly_rate=0.045,
        good_answer=0.42,
        hand_off_daily_rate=0.8,
        escalation_daily_rate=0.022,
    ),
    attention=Attention(
        fatigue_days=6.5, help_loss=0.16, harm_gain=0.7, case_gain=0.8, night_gain=1.0, tolerance_spread=0.4
    ),
    leaving=Leaving(
        cancel_daily_rate=0.1, downgrade_daily_rate=0.08, request_event="cancel_requested",
        gone_daily_rate=0.12, saved_daily_rate=0.15,
    ),
    rules=HistoricalRules(
        daily_cap=2,
        weekly_cap=4,
        holdback={
            "marketing": 0.2, "sales": 0.2, "product": 0.25, "success": 0.15, "billing": 0.15, "support": 0.2,
            "operations": 0.2,
        },
    ),
    messages=_MESSAGES,
    plans={"prepaid": 0.25, "basic": 0.45, "unlimited": 0.3},
    segments={"single": 0.5, "family": 0.35, "business": 0.15},
    missing_sources={
        "helpdesk": 0.1, "crm": 0.1, "marketing_hub": 0.08, "product_analytics": 0.2, "billing_system": 0.03,
        "survey_tool": 0.15,
    },
    late_minutes={
        "helpdesk": 8.0, "crm": 10.0, "marketing_hub": 30.0, "product_analytics": 30.0, "billing_system": 90.0,
        "survey_tool": 30.0,
    },
    nightly_sources=("crm", "billing_system"),
    new_customer_share=0.15,
)  # fmt: skip
