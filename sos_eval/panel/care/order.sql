-- Episodes that the rules of rows leave, each beside those before and after it of the same child.
create temp table ordered as
select authority, year, who, spot, decom, dec, mix, lag(decom) over child_days prior_decom,
  lag(dec) over child_days prior_dec, lag(mix) over child_days prior_mix, lead(decom) over child_days next_decom
from kept window child_days as (partition by who order by decom, dec nulls last, spot);
create temp table crossed as
with shared as (select twin, k.authority, decom, dec, spot from kept k join people using (who) where twin is not null)
select distinct a.spot from shared a join shared o on a.twin = o.twin and a.authority <> o.authority
  and o.decom < coalesce(a.dec, date '9999-12-31') and a.decom < coalesce(o.dec, date '9999-12-31');
-- What the rules of order see.
create temp view by_order as
select o.*, m.rne, m.rec, m.ended and o.dec is not null ceased, b.rec prior_rec,
  b.ended and o.prior_dec is not null prior_ceased, held_from, x.spot is not null elsewhere
from ordered o join mixes m using (mix) left join mixes b on b.mix = o.prior_mix join held using (authority)
left join crossed x on x.spot = o.spot;
