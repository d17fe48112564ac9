-- Episodes that all rules leave, without short breaks: what began, what ended, and what came before.
create temp table looked as
with beside as (
  select l.authority, l.year, who, spot, decom, dec, mix, rne, ended and dec is not null ceased,
    lag(dec) over child_days prior_dec, lag(decom) over child_days prior_decom, lead(decom) over child_days next_decom,
    -- the last end before: its day and its mix of codes in one number, so that both are of one episode
    last_value(case when ended and dec is not null then (dec - date '0001-01-01') * 4294967296 + mix end ignore nulls)
      over (child_days rows between unbounded preceding and 1 preceding) end_before
  from left_in l join mixes using (mix) where legal <> 'short_break'
  window child_days as (partition by who order by decom, dec nulls last, spot)
), marked as (
  select *, rne = 'S' and (prior_decom is null or (prior_dec is not null and prior_dec < decom)) began,
    ceased and (next_decom is null or next_decom > dec) left_care
  from beside
), since as (
  select *, max(case when began or prior_decom is null then decom end) over (
    partition by who order by decom, dec nulls last, spot) since
  from marked
)
select s.authority, year, who, spot, decom, dec, mix, began, left_care, since,
  date '0001-01-01' + (end_before // 4294967296)::integer ended_before, (end_before % 4294967296)::uinteger mix_before,
  coalesce(decom < duc, false) unaccompanied, date_sub('year', dob, decom)::smallint age
from since s join people using (who);
