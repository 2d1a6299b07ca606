"""Every metric that a run may log, with what it is: a closed list, so that runs stay comparable.

`{outcome}` is `helps` or `interrupts`, `{arm}` is `send` or `hold`. All are figures on the test slice
unless they say otherwise; `_low` and `_high` bound a 95 % bootstrap interval over customers.
"""

from __future__ import annotations

from itertools import product

_GOAL = {
    "goal_log_loss": "Log loss of the goal probabilities.",
    "goal_log_loss_prior": "Log loss of the training shares of the goals.",
    "goal_log_loss_last_event": "Log loss of the shares of goals by the last goal event (smoothed).",
    "goal_log_loss_gain": "Log loss of the better baseline less the model's own; above 0 is better.",
    "goal_log_loss_gain_low": "Lower bound of goal_log_loss_gain.",
    "goal_log_loss_gain_high": "Upper bound of goal_log_loss_gain.",
    "goal_accuracy": "Share of moments whose most probable goal came.",
    "goal_accuracy_majority": "The same for the most frequent goal.",
    "goal_accuracy_last_event": "The same for the goal most frequent after the last goal event's goal.",
    "goal_ece": "Expected calibration error of the most probable goal's probability.",
    "goal_ece_floor": "The same that a perfectly calibrated model would show on as many rows.",
}
_CHANCE = {
    "rows": "Test rows of the arm.",
    "rate": "Share of them with the outcome.",
    "mean_prediction": "Mean predicted chance.",
    "log_loss": "Log loss.",
    "log_loss_prior": "Log loss of the training rate.",
    "log_loss_gain": "log_loss_prior less log_loss; above 0 is better.",
    "log_loss_gain_low": "Lower bound of log_loss_gain.",
    "log_loss_gain_high": "Upper bound of log_loss_gain.",
    "auc": "Area under the ROC curve.",
    "auc_low": "Lower bound of auc.",
    "auc_high": "Upper bound of auc.",
    "brier": "Brier score.",
    "brier_prior": "Brier score of the training rate.",
    "ece": "Expected calibration error, bins of equal mass (training.metrics.ECE_BINS).",
    "ece_floor": "The same that a perfectly calibrated model would show on as many rows.",
}
_CLICK = {
    "send_log_loss_click": "Log loss of a model of linked answers alone, scaled on the test slice, which favours it.",
    "send_ece_chosen": "Calibration error among the sent rows that the rule would choose.",
    "send_ece_chosen_floor": "The same that a perfectly calibrated model would show on as many rows.",
    "send_auc_click": "AUC of the model of linked answers alone.",
}
_LIFT = {
    "lift_rows": "Test rows that measure lift.",
    "ate": "Average effect of sending, doubly robust.",
    "ate_low": "Lower bound of ate.",
    "ate_high": "Upper bound of ate.",
    "ate_ips": "Average effect of sending by inverse propensities alone.",
    "ate_ips_low": "Lower bound of ate_ips.",
    "ate_ips_high": "Upper bound of ate_ips.",
    "lift_mean": "Mean predicted lift.",
    "lift_slope": "Slope of measured on predicted lift; 1 is calibrated, 0 is noise.",
    "lift_slope_low": "Lower bound of lift_slope.",
    "lift_slope_high": "Upper bound of lift_slope.",
    "qini": "Area between uplift curve and random order; random is exactly 0.",
    "qini_low": "Lower bound of qini.",
    "qini_high": "Upper bound of qini.",
    "qini_click": "qini of ordering by the model of linked answers alone.",
    "qini_difference": "qini of ordering by the difference of the two arms' chances.",
    "auuc": "Area under the uplift curve over its end point; random is exactly 0.5.",
}
_POLICY = {
    "policy_gain_rule": "Net value per row of sending where net value is above the minimum, against never.",
    "policy_gain_rule_low": "Lower bound of policy_gain_rule.",
    "policy_gain_rule_high": "Upper bound of policy_gain_rule.",
    "policy_gain_send_all": "Net value per row of sending everything, against never.",
    "policy_gain_send_all_low": "Lower bound of policy_gain_send_all.",
    "policy_gain_send_all_high": "Upper bound of policy_gain_send_all.",
    "policy_gain_over_send_all": "policy_gain_rule less policy_gain_send_all.",
    "policy_gain_over_send_all_low": "Lower bound of policy_gain_over_send_all.",
    "policy_gain_over_send_all_high": "Upper bound of policy_gain_over_send_all.",
    "policy_gain_promised": "What the models promise for policy_gain_rule.",
    "policy_sent_share": "Share of the rows that the rule sends.",
    "effective_rows": "Kish's effective number of the rows that measure lift.",
}
_PRICE = {
    "price_of_attention": "What one contact takes from the messages after it, in net value (training.price).",
    "price_contacts_per_week": "Contacts a customer and week that the rule sends at that price.",
    "helps_answers_lost": "Share of positive answers that a contact just before takes away.",
    "helps_answers_lost_error": "Standard error of helps_answers_lost, by customer.",
    "interrupts_answers_lost": "Share of negative answers that a contact just before adds.",
    "interrupts_answers_lost_error": "Standard error of interrupts_answers_lost, by customer.",
}
_AGAINST_CHAMPION = {
    f"{model}_change{bound}": f"Log loss less the champion's on the same rows ({model}){told}; below 0 is better."
    for model, (bound, told) in product(
        ("goal", "helps_send", "interrupts_send"),
        (("", ""), ("_low", ", lower bound"), ("_high", ", upper bound")),
    )
} | {
    f"policy_change{bound}": f"policy_gain_rule less the champion's on the same rows{told}; above 0 is better."
    for bound, told in (("", ""), ("_low", ", lower bound"), ("_high", ", upper bound"))
}
_AGAINST_CHAMPION |= {
    "segments_guarded": "Figures by department, goal and for new customers with enough rows to guard.",
    "segments_worse": "Those of them whose interval (widened for their number) is worse than the champion's.",
}

METRICS: dict[str, str] = {
    **_GOAL,
    **{
        f"{outcome}_{arm}_{name}": f"{told[:-1]} ({outcome} under {arm})."
        for outcome, arm in product(("helps", "interrupts"), ("send", "hold"))
        for name, told in _CHANCE.items()
    },
    **{
        f"{outcome}_{name}": f"{told[:-1]} ({outcome})."
        for outcome in ("helps", "interrupts")
        for name, told in {**_CLICK, **_LIFT}.items()
    },
    **_POLICY,
    **_PRICE,
    **_AGAINST_CHAMPION,
    "search_score": "Mean log loss over the baselines', on the calibration slice (training.search); below 1 is better.",
    "train_seconds": "Wall time of training, reading included.",
    "train_rows": "Rows that the contact models were fitted on.",
    "calibration_rows": "Rows that they were calibrated on.",
    "test_rows": "Rows that they were tested on.",
}
