-- Episodes that all rules leave, without short breaks: what began, what ended, and what came before.
create temp table looked as
with before as (
  select * exclude (prior_decom, prior_dec, prior_rec, prior_ceased, next_decom, elsewhere),
    lag(dec) over child_days prior_dec, lag(decom) over child_days prior_decom, lead(decom) over child_days next_decom,
    last_value(case when ceased then dec end ignore nulls) over earlier ended_before,
    last_value(case when ceased then exit_group end ignore nulls) over earlier ended_how
  from left_in where legal <> 'short_break'
  window child_days as (partition by authority, child order by decom, dec nulls last, file, line),
    earlier as (partition by authority, child order by decom, dec nulls last, file, line
                rows between unbounded preceding and 1 preceding)
), marked as (
  select *, rne = 'S' and (prior_decom is null or (prior_dec is not null and prior_dec < decom)) began,
    ceased and (next_decom is null or next_decom > dec) left_care
  from before
)
select *, max(case when began or prior_decom is null then decom end) over (
    partition by authority, child order by decom, dec nulls last, file, line) since,
  coalesce(decom < duc, false) unaccompanied, date_sub('year', dob, decom) age
from marked;
