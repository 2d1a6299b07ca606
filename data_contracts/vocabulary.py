"""The words of the contract: departments, channels, directions, roles of event types, goals."""

from __future__ import annotations

DEPARTMENTS = ("support", "marketing", "sales", "product", "success", "billing", "operations")
CHANNELS = ("email", "sms", "push", "in_app", "web", "phone", "chat", "post", "social")
DIRECTIONS = ("inbound", "outbound", "internal")
PURPOSES = ("transactional", "service", "lifecycle", "promotional", "survey")
ACTIONS = ("send", "wait", "suppress")
MODES = ("enforce", "shadow", "holdout")

OTHER = "other"
NO_GOAL = "none"

ROLES: dict[str, tuple[str, ...]] = {
    "contact": ("message_sent",),
    "weak_response": ("message_opened",),
    "delivery_fault": ("message_bounced",),
    "case_opened": ("ticket_opened",),
    "case_replied": ("ticket_replied",),
    "case_resolved": ("ticket_resolved",),
    "case_escalated": ("ticket_escalated",),
    "handed_off": ("handed_off",),
    "nps": ("nps_answered",),
    "csat": ("csat_answered",),
    "voice": ("review_posted", "survey_answered"),
    "gate": ("gate_hit",),
    "quote_revised": ("quote_revised",),
    "contact_unanswered": ("contact_unanswered",),
    "opted_out": ("opted_out", "unsubscribed"),
    "opted_in": ("opted_in",),
    "profile": ("profile_updated",),
    "observation_ended": ("observation_ended",),
    "purchase": ("purchased", "upgraded", "renewed"),
    "onboarding_step": ("onboarding_step_completed",),
}
"""Event types of each role that is not a goal and not an outcome; `[vocabulary.roles]` changes them."""

GOALS: dict[str, tuple[str, ...]] = {
    "get_help": (
        "ticket_opened",
        "ticket_replied",
        "chat_started",
        "call_started",
        "help_viewed",
        "error_hit",
    ),
    "get_started": (
        "onboarding_step_completed",
        "docs_viewed",
        "setup_viewed",
        "teammate_invited",
    ),
    "evaluate": ("pricing_viewed", "demo_requested", "trial_started", "content_viewed"),
    "buy": ("checkout_started", "purchased", "upgraded", "renewed"),
    "use": ("logged_in", "feature_used"),
    "leave": ("cancel_viewed", "cancel_requested", "cancelled", "downgraded"),
    "advocate": ("referred", "review_posted"),
}

HELPED_LINKED = ("message_clicked", "message_replied", "message_liked")
INTERRUPTED_LINKED = ("unsubscribed", "complained", "message_dismissed", "message_disliked")
PROGRESS = (
    "purchased",
    "upgraded",
    "renewed",
    "onboarding_step_completed",
    "referred",
    "csat_answered >= 4",
    "nps_answered >= 9",
)
HARM = (
    "cancel_requested",
    "cancelled",
    "downgraded",
    "ticket_escalated",
    "complained",
    "csat_answered <= 2",
    "nps_answered <= 6",
)

EVENT_TYPES: tuple[str, ...] = tuple(
    dict.fromkeys(
        [name for names in ROLES.values() for name in names]
        + [name for names in GOALS.values() for name in names]
        + [*HELPED_LINKED, *INTERRUPTED_LINKED]
        + [item.split()[0] for item in (*PROGRESS, *HARM)]
    )
)
"""Every event type that the contract names."""
