"""A shop: purchase cycles, promotions, weekends; nobody is set up and nobody is bound."""

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
        "weekly_offers", "marketing", "offers", "promotional", {"email": 1.0}, "weekly", 0.8, 5, 72,
        value=0.5, click=0.1, click_by_goal={"evaluate": 2.2, "buy": 2.6, "get_help": 1.2},
        progress="purchase", helps=0.006,
        helps_by_goal={"evaluate": 0.1, "buy": 0.02, "get_help": -0.01}, annoyance=0.0072,
        annoyance_by_goal={"get_help": 4.0, "leave": 3.0, "evaluate": 0.6, "buy": 0.6},
        harm_share=0.15, discounts=(0, 10),
    ),
    MessageType(
        "flash_sale", "marketing", "sale", "promotional", {"sms": 0.35, "push": 0.65}, "weekly", 0.35,
        5, 36, value=0.8, click=0.09, click_by_goal={"evaluate": 2.5, "buy": 3.0},
        progress="purchase", helps=0.015, helps_by_goal={"evaluate": 0.28, "buy": 0.08},
        annoyance=0.0198,
        annoyance_by_goal={"get_help": 3.5, "leave": 2.5, "none": 1.2, "evaluate": 0.6, "buy": 0.5},
        harm_share=0.25, discounts=(10, 20, 30), leads_to="evaluate",
    ),
    MessageType(
        "basket_reminder", "marketing", "basket", "lifecycle", {"email": 0.6, "push": 0.4},
        "checkout_abandoned", 2.0, 2, 48, value=0.9, click=0.22,
        click_by_goal={"buy": 2.0, "evaluate": 1.4}, progress="purchase", helps=0.03,
        helps_by_goal={"buy": 0.3, "evaluate": 0.22, "get_help": 0.0}, annoyance=0.0108,
        annoyance_by_goal={"get_help": 3.5, "leave": 2.0, "use": 1.2}, harm_share=0.2,
        discounts=(0, 5, 10),
    ),
    MessageType(
        "personal_shopper", "sales", "advice", "promotional",
        {"sms": 0.5, "phone": 0.2, "email": 0.3}, "pricing_viewed", 0.35, 12, 96, value=1.2,
        click=0.12, click_by_goal={"evaluate": 2.4, "buy": 1.3}, progress="purchase", helps=0.0,
        helps_by_goal={"evaluate": 0.24, "buy": -0.05}, annoyance=0.0216,
        annoyance_by_goal={"get_help": 3.0, "leave": 1.8, "evaluate": 0.7}, harm_share=0.2,
        leads_to="buy",
    ),
    MessageType(
        "back_in_stock", "product", "stock", "lifecycle", {"push": 0.5, "email": 0.5}, "random", 0.05,
        6, 48, value=0.6, click=0.15, click_by_goal={"evaluate": 1.8, "buy": 1.8},
        progress="purchase", helps=0.02, helps_by_goal={"evaluate": 0.16, "buy": 0.05},
        annoyance=0.009, annoyance_by_goal={"get_help": 3.0}, harm_share=0.15,
    ),
    MessageType(
        "app_survey", "product", "app_survey", "survey", {"in_app": 0.6, "push": 0.4}, "random", 0.03,
        25, 72, value=0.3, click=0.1, click_by_goal={"use": 1.8, "advocate": 2.0}, annoyance=0.018,
        annoyance_by_goal={"get_help": 2.5, "buy": 2.2, "evaluate": 1.3}, harm_share=0.1,
    ),
    MessageType(
        "loyalty_points", "success", "loyalty", "lifecycle", {"email": 0.7, "push": 0.3},
        "long_time_customer", 0.045, 12, 120, value=0.6, click=0.13,
        click_by_goal={"buy": 1.8, "advocate": 1.8, "use": 1.3}, progress="referral", helps=0.004,
        helps_by_goal={"advocate": 0.35, "use": 0.03}, annoyance=0.0081,
        annoyance_by_goal={"get_help": 3.0, "leave": 0.6}, harm_share=0.15,
    ),
    MessageType(
        "win_back", "success", "win_back", "promotional", {"email": 0.7, "sms": 0.3}, "inactive",
        0.16, 14, 120, value=0.8, click=0.08, click_by_goal={"evaluate": 2.0, "none": 0.9},
        progress="purchase", helps=0.03, helps_by_goal={"evaluate": 0.2, "none": 0.04},
        annoyance=0.0198, annoyance_by_goal={"none": 1.2, "leave": 3.5}, harm_share=0.6,
        discounts=(10, 20), leads_to="evaluate",
    ),
    MessageType(
        "receipt", "billing", "order", "transactional", {"email": 1.0}, "purchased", 12.0, 0, 24,
        click=0.06, annoyance=0.0009, harm_share=0.1,
    ),
    MessageType(
        "review_request", "operations", "review", "survey", {"email": 0.8, "push": 0.2},
        "purchased_lately", 0.2, 10, 120, value=0.4, click=0.1,
        click_by_goal={"advocate": 3.0, "use": 1.3, "get_help": 0.6}, progress="referral", helps=0.0,
        helps_by_goal={"advocate": 0.12}, annoyance=0.0108,
        annoyance_by_goal={"get_help": 4.5, "leave": 2.0}, harm_share=0.2,
    ),
    MessageType(
        "case_answer", "support", "support", "transactional", {"email": 0.6, "chat": 0.4},
        "case_answer", 0.0, 0, 24, click=0.2, annoyance=0.0018, harm_share=0.1, about_case=True,
        soothes=True,
    ),
    MessageType(
        "case_update", "support", "support", "service", {"email": 0.6, "sms": 0.4}, "case_waiting",
        0.7, 1, 48, value=0.3, click=0.08, click_by_goal={"get_help": 1.5}, annoyance=0.0108,
        annoyance_by_goal={"get_help": 0.7}, harm_share=0.3, about_case=True, soothes=True,
    ),
    MessageType(
        "nps_survey", "operations", "survey", "survey", {"email": 0.8, "sms": 0.2}, "random", 0.02,
        40, 96, value=0.4, click=0.02, click_by_goal={"advocate": 2.0}, annoyance=0.0108,
        annoyance_by_goal={"get_help": 2.5, "leave": 2.0}, harm_share=0.1, asks_nps=True,
    ),
)  # fmt: skip

RETAIL = CompanyKind(
    name="retail",
    rhythm=Rhythm(
        sessions_per_day=0.38,
        weekdays=(0.85, 0.8, 0.85, 0.9, 1.05, 1.35, 1.3),
        peak_hour=19.5,
        peak_hour_spread=3.5,
        sharpness=1.1,
        zones={"Europe/Vienna": 0.45, "Europe/London": 0.25, "Europe/Lisbon": 0.1, "America/New_York": 0.2},
    ),
    goals=Goals(
        hours=42.0,
        weights=(5.0, 0.15, 0.0, 1.6, 1.0, 1.0, 0.12, 0.2),
        activity=(0.2, 1.4, 1.0, 1.8, 1.7, 1.0, 0.8, 0.9),
        events={
            "none": {"logged_in": 1.0},
            "get_help": {"help_viewed": 0.7, "chat_started": 0.3},
            "get_started": {"setup_viewed": 1.0},
            "evaluate": {"pricing_viewed": 0.45, "content_viewed": 0.55},
            "buy": {"checkout_started": 0.55, "pricing_viewed": 0.3, "content_viewed": 0.15},
            "use": {"logged_in": 0.8, "feature_used": 0.2},
            "leave": {"cancel_viewed": 0.7, "help_viewed": 0.3},
            "advocate": {"review_posted": 0.6, "logged_in": 0.4},
        },
        noise=0.2,
    ),
    onboarding=Onboarding(steps=0, daily_rate=0.0, stuck_daily_rate=0.0, unstuck_daily_rate=1.0),
    purchases=Purchases(event="purchased", daily_rate=0.55, cycle_days=24.0, revenue=45.0),
    contract=Contract(days=(), early_daily_rate=0.0, automatic=0.0, invoice_every_days=0, payment_fails=0.0),
    cases=Cases(
        daily_rate=0.012,
        after_invoice_factor=1.0,
        topics={"delivery": 0.55, "refund": 0.3, "product": 0.15},
        channels={"email": 0.45, "chat": 0.45, "phone": 0.1},
        opens=0.8,
        answer_hourly_rate=0.16,
        good_answer=0.7,
        hand_off_daily_rate=0.2,
        escalation_daily_rate=0.05,
    ),
    attention=Attention(
        fatigue_days=3.0, help_loss=0.26, harm_gain=0.4, case_gain=1.6, night_gain=0.6, tolerance_spread=0.6
    ),
    leaving=Leaving(
        cancel_daily_rate=0.14, downgrade_daily_rate=0.0, request_event="cancel_requested",
        gone_daily_rate=0.1, saved_daily_rate=0.35,
    ),
    rules=HistoricalRules(
        daily_cap=2,
        weekly_cap=5,
        holdback={
            "marketing": 0.3, "sales": 0.2, "product": 0.25, "success": 0.25, "billing": 0.15, "support": 0.15,
            "operations": 0.2,
        },
    ),
    messages=_MESSAGES,
    plans={"guest": 0.45, "member": 0.4, "gold": 0.15},
    segments={"bargain": 0.4, "regular": 0.45, "premium": 0.15},
    missing_sources={
        "helpdesk": 0.1, "crm": 0.2, "marketing_hub": 0.05, "product_analytics": 0.12, "billing_system": 0.04,
        "survey_tool": 0.1,
    },
    late_minutes={
        "helpdesk": 2.0, "crm": 5.0, "marketing_hub": 20.0, "product_analytics": 15.0, "billing_system": 10.0,
        "survey_tool": 60.0,
    },
    new_customer_share=0.35,
)  # fmt: skip
