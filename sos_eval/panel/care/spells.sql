-- Episodes that all rules leave, without short breaks: what began, what ended, and what came before.
create temp table looked as
with beside as (
  select l.authority, l.year, who, spot, decom, dec, mix, rne, exit_group, ended and dec is not null ceased,
    lag(dec) over child_days prior_dec, lag(decom) over child_days prior_decom, lead(decom) over child_days next_decom
  from left_in l join mixes using (mix) where legal <> 'short_break'
  window child_days as (partition by who order by decom, dec nulls last, spot)
), marked as (
  select *, rne = 'S' and (prior_decom is null or prior_dec is distinct from decom) began,
    ceased and (next_decom is null or next_decom > dec) left_care
  from beside
), since as (
  select *,
    -- from its start on a spell is timed; of one whose start the returns do not hold nobody knows how long it took
    max(case when began then decom end) over spell since,
    lag(left_care) over spell prior_left,
    max(case when left_care then dec end) over earlier ended_before,
    max(case when left_care and exit_group = 'home' then dec end) over earlier home_before
  from marked
  window spell as (partition by who order by decom, dec nulls last, spot),
    earlier as (partition by who order by decom, dec nulls last, spot rows between unbounded preceding and 1 preceding)
)
select s.authority, year, who, spot, decom, dec, mix, began, left_care,
  case when ended_before is null or since > ended_before then since end since,
  case when prior_left then ended_before end ended_before, case when prior_left then home_before end home_before,
  coalesce(decom < duc, false) unaccompanied, age_on(dob, decom)::smallint age
from since s join people using (who);
