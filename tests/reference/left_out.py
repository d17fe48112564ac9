"""Why a stored reference number is compared with nothing of ours, by file, case and place."""

from __future__ import annotations

import re

from tests.reference.stored import found

__all__ = ["why_left_out"]

ROUNDED = "follows from numbers that are compared"
NOT_YET = "not in this version"
AFTER = f"{NOT_YET}: regressions on people after matching; the difference of weighted means is compared where stored"

#: Patterns of file, case and path, and the reason; the first that fits is given.
RULES = (
    (r"did_.*", r".*", r"n_units", "asserted as an integer"),
    (r"did_.*", r".*", r".*crit_val_\w+|se_boot_iqr.*", "simulated by did; compared for never_unc"),
    (r"did_castle|did_sim_care", r".*", r"wald\w*", "null in the reference: a singular covariance"),
    (r"did_.*", r".*", r"V\[.*", "the whole covariance is compared for never_unc, its diagonal everywhere"),
    (r"drdid_2x2", r".*", r"ipw_ht\..*", "not offered: unnormalised weights, which a change common to all units moves"),
    (r"fixest.*", r".*", r".*nobs", "asserted as an integer"),
    (r"fixest.*", r".*", r".*\.(stat|p)", ROUNDED),
    (r"fixest_more", r"counts_fepois.*", r".*", f"{NOT_YET}: fepois is compared on castle"),
    (r"fixest_more", r"care_sunab_window", r".*", f"{NOT_YET}: event times joined at the ends of a window"),
    (r"fixest_more", r".*", r".*x1.*", "slopes of covariates are not reported"),
    (r"fixest", r".*", r"se_by_vcov\.(iid|hetero|cluster_full)\..*", f"{NOT_YET}: unclustered errors, full K"),
    (r"fixest", r".*", r"deviance|loglik|pseudo_r2", f"{NOT_YET}: fit statistics"),
    (r"fixest", r".*", r".*(x1|unemployrt).*", "a covariate: its coefficient is compared, its error not reported"),
    (r"clubsandwich_.*", r".*", r"cr\.CR[0-3]S?\..*\.t", ROUNDED),
    (r"clubsandwich_.*", r".*", r"cr\.CR1S?\..*", "CR0 times a factor; the factors are compared with fixest's"),
    (r"clubsandwich_.*", r".*", r"wald\[\d\]\..*", f"{NOT_YET}: chi-squared and naive F; HTZ is compared"),
    (r"wild_bootstrap", r".*", r".*\.(G|n_\w+|p_strict|p_with_ties)|.*WCU_p|fwildclusterboot\.(B|p_val|t_stat)|.*50%",
     "held as a range, a count or the same t by the test"),
    (r"matchit_causaldata", r"nhefs_nn_maha", r".*", "MatchIt's choices are replayed by the test"),
    (r"matchit_.*", r".*", r".*eCDF Mean", f"{NOT_YET}: mean eCDF difference; the largest is compared"),
    (r"matchit_.*", r".*", r"balance_\w+\.distance\..*", "the propensity itself is not judged (docs/methods.md)"),
    (r"matchit_.*", r".*", r"distance_summary.*",
     "the propensities themselves: held by weightit's, and by the distances of pairs"),
    (r"matchit_.*", r".*", r"n\..*", "counts, held as integers"),
    (r"matchit_.*", r".*", r"outcome\.(se_|n_rows|n_subclass|att_lm|att_cov|sum_w).*",
     AFTER),
    (r"matchit_.*", r".*", r"(sum_w_control|weights|checksum).*|.*subclass.*|.*strata.*", "steps to what is compared"),
    (r"weighting", r".*(over|cbpspkg|ipw_atc).*", r".*",
     "not offered: over-identified scores and CBPS's own (digits of where they stop), weights about the untreated"),
    (r"full_matching", r".*(nn_atc|nn_var_caliper)", r".*",
     "not offered: pairs about the untreated, calipers on several covariates"),
    (r"full_matching", r"lalonde_(full|optimal|maha|robust).*|auth_full_(ps|logit).*", r".*",
     "several best sets (ties, partners exchanged along a line): sums of distances and numbers matched are compared"),
    (r"weighting|full_matching", r".*_at[eo].*", r".*\.(smd|smd_un|Std\. Mean Diff\.)",
     "theirs over the pooled deviation, ours over the treated units': the means are compared"),
    (r"weighting", r".*drop.*", r".*(_un|\.smd)", "theirs before, and its deviation, of the units kept, ours of all"),
    (r"weighting|full_matching", r".*", r".*one_minus_ovl.*", "compared on the authorities, to 2e-3"),
    (r"weighting|full_matching", r".*", r"(effect|without_refit)\..*|per_subclass.*", AFTER),
    (r"full_matching", r".*", r"balance_matchit.*", "cobalt's, which are compared, to 1e-15; mean eCDF differences"),
    (r"full_matching", r".*cem_sturges_ate|lalonde_cem.*", r"L1.*", "of the same cells as the cases that are compared"),
    (r"(weighting|full_matching|optimal_matching)", r".*",
     r"(n_|cut_points|caliper_absolute|distance|ps_head|ps\.|mean_ps|subclass|set_structure|kept_row|checksum).*|weights_first20.*",
     "counts, labels and steps on the way to weights, which are compared"),
    (r"rubin", r"nhanes_D1", r".*", "not offered: joint tests of pooled rows"),
    (r"rubin", r".*", r".*imputed.*|.*(\bm|df_?com|n_matched_treated)", "inputs of the case, and counts"),
    (r"rubin", r"no_between_variance|tiny_between", r"df|fmi|lambda|r", "floored by mice; the exact ones are compared"),
    (r"rubin", r".*", r".*(\bt|\br|lambda|riv|statistic|\bp|ci_low|ci_high|df_rubin1987)", ROUNDED),
    (r"ame", r"entry_probit|days_poisson", r".*", "not offered: children's outcomes are linear or logit"),
    (r"ame", r".*", r"n|n_clusters|loglik", "counts, and fit statistics"),
    (r"ame", r".*", r"coef.*", "errors and further coefficients: they enter the average effects, which are compared"),
    (r"ame", r".*", r"treat_(mean|log).*", f"{NOT_YET}: means by arm, and ratios of averaged chances"),
    (r"ame", r".*", r".*\.(z|p|ci_low|ci_high|se_\w+)", f"{ROUNDED}, or a factor beside them"),
    (r"imputation", r".*", r"se_didimputation.*", "wrong with weights (note of the file); else se"),
    (r"imputation", r".*", r"se\[\d+\]", "clusters above the unit as Stata has them: se_stata is compared"),
    (r"imputation|two_stage|etwfe|stacked", r".*", r"n_\w+.*|sub_exp.*|event\[.*|.*level.*", "counts, labels"),
    (r"two_stage", r"care_event_window", r".*", f"{NOT_YET}: event times joined at the ends of a window"),
    (r"etwfe", r"counts_poisson_x1_link", r".*", "not offered: means of the linear index; rate ratios are"),
    (r"imputation", r".*", r"se_stata\w*\[?\d*\]?", "null in the reference: leads, cells of one cluster"),
    (r"two_stage", r".*", r"vcov", "null in the reference"),
    (r"synthdid", r".*", r"sdid_tight\.zeta.*", "inputs of the weights, which are compared"),
    (r"staggered", r".*(cohort|calendar|_sa).*", r".*", f"{NOT_YET}: these averages, and the last cohort alone"),
    (r"staggered", r".*", r"se(\[.*)?|vcov(\[.*)?", "not offered: the refined error; the conservative one is compared"),
    (r"panel_tests", r".*", r"within_twoways\.se.*|pooling.*|between.*|first_diff.*|.*(amemiya|walhus|nerlove).*",
     "other models of the reference, and the two-way one's plain errors; its coefficients are compared"),
    (r"panel_tests", r".*", r"hausman_auxiliary.*|mundlak_random.*|mundlak_.*\.F|.*se_cluster_HC1.*", ROUNDED),
    (r"panel_tests", r".*", r"breusch.*|wooldridge_fd.*|baltagi.*|pesaran.*|honda.*|pF_.*|se_within\.(?!.*HC0).*",
     f"{NOT_YET}: other tests and errors"),
    (r"panel_tests", r".*", r".*\.df.*|wooldridge_fe_ar\.p", "counts; our p counts clusters, not rows"),
    (r"bacon", r"counts_log_rate_z", r".*", f"{NOT_YET}: the decomposition with covariates"),
    (r"bacon", r".*", r"(treated|untreated|type|by_type).*", "labels, and sums of what is compared"),
    (r"staggered", r".*", r"event.*", "labels"),
    (r"synthdid", r".*", r"N0|T0|noise_level|placebo_reps", "inputs of the case"),
    (r"synthdid", r".*", r"sdid\..*", "stops before the optimum; the tight run is compared"),
    (r"synthdid", r".*", r"(sc|did)\..*", "other methods; synthetic controls are compared with augsynth"),
    (r"synthdid", r".*", r"se_(placebo|bootstrap).*", f"{NOT_YET}: placebo variance and bootstrap"),
    (r"synthetic_control", r"prop99_ridge_lambda100", r"lambda", "an input of the case"),
    (r"synthetic_control", r"prop99_v_.*", r".*", f"{NOT_YET}: predictors with weights V"),
    (r"synthetic_control", r".*", r"time.*|.*l2_imbalance", "labels, and what follows from the gaps"),
    (r"stacked", r".*", r"did\..*", "not offered: the mean of the years before as reference"),
    (r"stacked", r".*", r"control_weight.*", "enter the estimates, which are compared"),
    (r"pretrends", r".*", r".*(bayes_factor|likelihood_ratio|mean_after_pretest).*",
     f"{NOT_YET}: Bayes factor, likelihood ratio, mean after passing"),
    (r"pretrends", r".*", r".*(\bt\[|deltatrue).*", "inputs of the case"),
    (r"staggered", r"care_event_efficient", r"estimate\[3\]|se_neyman\[3\]|vcov_neyman\[(3\]\[\d|\d\]\[3)\]",
     "event time -1: the base period, which has no row of its own in ours"),
    (r"triple_difference", r".*", r"(group|t)\[.*|.*level.*", "labels"),
    (r"triple_difference", r".*", r"agg_(eventstudy|calendar)\.overall.*", "other averages of cells that are compared"),
    (r"dcdh", r".*", r".*\.(l|n|switchers)(\[\d\])?|.*se_5_decimals.*",
     "labels and counts; the full digits are compared"),
    (r"dcdh", r".*", r"p_joint.*", f"{NOT_YET}: joint tests of this method; its placebos are compared"),
    (r"its", r".*", r"stacked_two_series.*",
     "not offered: both series in one regression; their difference is compared"),
    (r"its", r".*", r".*(durbin|breusch|ljung|residual_acf|gls_ar1|HAC_auto|bandwidth).*",
     "not offered: tests of residuals, an AR(1) likelihood and automatic bandwidths"),
    (r"its", r".*", r".*periods_after_start.*", "labels"),
    (r"its", r".*", r".*(se_ols|sigma2).*|.*\.t\..*|.*\(Intercept\).*|.*p_t\..*|.*\.stat.*", ROUNDED),
    (r"honestdid.*", r"medicaid_sunab_sd_or_rm", r".*",
     "its ends lie on no grid that is common to them, none is stated"),
    (r"honestdid.*", r".*", r".*\.?rows\[.*\.M(bar)?|.*\.M(bar)?", "labels"),
    (r"honestdid.*", r".*", r"original.*|overall_.*", "the usual interval, and an average effect, inputs of the case"),
    (r"meta_analysis", r".*", r"(EE|SJ|ML|HE|EB)_.*", "not offered: one common effect, and other estimates of tau2"),
    (r"meta_analysis", r".*", r"(begg|trimfill|regtest).*",
     "not offered: rank test, filled studies, other small-study models"),
    (r"meta_analysis", r"konstantopoulos.*", r".*(three_level|CR1|CR0|CR3|model_se).*",
     "not offered: three-level models and other clustered errors; CR2 is compared"),
    (r"meta_analysis", r".*", r".*(\bdf|se_tau2|H2\w*|\bR2|QM\w*|\.stat|\.t|k0|side|limit\w*|\.tau)(\[\d\])?|.*I2.*",
     ROUNDED),
    (r"sensitivity", r"darfur_increase|hr_.*|or_.*|smd.*|ols_sd|rd_like.*|oster.*", r".*",
     "not offered: negative reduction, E-values of other measures than risk ratios, Oster's delta"),
    (r"sensitivity", r"mcnemar.*", r".*", "not offered: bounds of binary pairs"),
    (r"sensitivity", r"lead_pairs", r".*(psens|hlsens|hl_|p_lower|statistic).*",
     "rounded by the package; the exact p_upper is compared; bounds of the Hodges-Lehmann estimate are not offered"),
    (r"meta_analysis", r".*", r"leave_one_out.*|egger_lm\.p|.*CR2\.ci_high(\[\d\])?", ROUNDED),
    (r"meta_analysis", r"two_inline", r".*\.pi_(low|high)", "not offered: an interval for the next study from two"),
    (r"sensitivity", r".*", r"bounds.*\.adjusted_t|benchmark_partial.*", ROUNDED),
    (r"sensitivity", r".*", r"e_value\.(lower|upper)", "null in the reference: the end that is not nearest to one"),
    (r"mediation", r".*", r"medsens\.(rho|acme_package).*", "labels, and the package's own iteration"),
    (r"sensitivity", r".*", r"adjusted_grid.*", "the formula of the bounds, which are compared"),
    (r"sensitivity", r".*", r"t|dof|partial_f2|f2yd_x|effect\..*", ROUNDED),
    (r"mediation", r".*", r"n|n_clusters|R_mediation_check.*|medsens\.r2.*", "counts, and checks of the file's own"),
    (r"mediation", r".*", r".*proportion_mediated", "not offered: a share of an effect that may be zero"),
    (r"mediation", r".*", r"se_delta_(classical|HC0).*", "not offered: unclustered errors"),
    (r"mediation", r"score_continuous_exposure", r".*", "not offered: a continuous exposure"),
    (r"mediation", r".*", r"(mediator|outcome)_model.*|covariate_means.*", "steps to the effects, which are compared"),
)  # fmt: skip


#: Patterns of file and case, and the data set that stays outside the repository.
OUTSIDE = (
    (r"did_mpdta", r".*", "mpdta.csv"),
    (r"drdid_2x2", r"sim_rc_x", "drdid_sim_rc.csv"),
    (r"fixest", r"stagg_.*", "fixest_base_stagg.csv"),
    (r"clubsandwich_mortality", r".*", "clubsandwich_mortality_mv.csv"),
    (r"wild_bootstrap", r"produc_.*", "plm_produc.csv"),
    (r"matchit_lalonde", r".*", "matchit_lalonde.csv"),
    (r"synthdid|synthetic_control", r"prop99.*", "california_prop99.csv"),
    (r"imputation|two_stage|etwfe|stacked|staggered|bacon", r"mpdta.*", "mpdta.csv"),
)


def why_left_out(file: str, case: str, path: str) -> str:
    """Say why a stored number is not compared; empty where nobody knows."""
    for files, cases, paths, why in RULES:
        if re.fullmatch(files, file) and re.fullmatch(cases, case) and re.fullmatch(paths, path):
            return why
    for files, cases, data in OUTSIDE:
        if re.fullmatch(files, file) and re.fullmatch(cases, case) and found(f"data/{data}") is None:
            return f"{data} stays outside the repository, and is not here"
    return ""
