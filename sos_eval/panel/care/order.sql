-- Episodes that the rules of rows leave, each beside those before and after it of the same child.
create temp table shared as select authority, upn, decom, dec from kept where upn in (from elsewhere);
create temp table ordered as
with placed as (
  select *, rec_known and rec not in ('', 'X1') and dec is not null ceased from kept
)
select *, lag(decom) over child_days prior_decom, lag(dec) over child_days prior_dec, lag(rec) over child_days prior_rec,
  lag(ceased) over child_days prior_ceased, lead(decom) over child_days next_decom,
  exists (
    select 1 from shared o where o.upn = placed.upn and o.authority <> placed.authority
      and o.decom < coalesce(placed.dec, date '9999-12-31') and placed.decom < coalesce(o.dec, date '9999-12-31')
  ) elsewhere
from placed
window child_days as (partition by authority, child order by decom, dec nulls last, file, line);
