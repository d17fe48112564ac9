-- Typed rows -> episodes as whole numbers, each once: the version of the authority's latest return that holds it.
create temp table returned as select distinct authority, year from raw;
create temp table held as
select authority, make_date((coalesce(?, min(year)) - 1)::integer, 4, 1) held_from from returned group by authority;
-- Every child of an authority, with what its latest header says; `twin` numbers pupils whom several authorities hold.
create temp table people as
with named as (
  select authority, child, (row_number() over ())::uinteger who from (select distinct authority, child from raw)
), told as (
  select authority, child, arg_max(dob, year) dob, arg_max(sex, year) sex, arg_max(upn, year) upn from header group by all
), alone as (
  select authority, child, arg_max(coalesce(duc, date '9999-12-31'), year) duc from uasc group by all
), twins as (
  select upn, row_number() over () twin from told where upn <> '' group by upn having count(distinct authority) > 1
)
select who, authority, child, dob, sex, duc, birthday(dob, 18) birthday_18, twin
from named left join told using (authority, child) left join alone using (authority, child) left join twins using (upn);
-- Every mix of codes in a year, with what is known of them and the groups that they count in.
create temp table mixes as
with mixed as (
  select *, (row_number() over ())::uinteger mix from (select distinct year, rne, ls, need, place, rec from raw)
)
select m.*, rec <> '' and rec <> 'X1' ended,
  r.code is not null rne_known, l.code is not null ls_known, n.code is not null need_known,
  p.code is not null place_known, rec = '' or e.code is not null rec_known,
  coalesce(l."group", 'not_known') legal, coalesce(n."group", 'not_known') need_group,
  coalesce(p."group", 'not_known') place_group, coalesce(e."group", 'not_known') exit_group
from mixed m
left join codes r on r.field = 'rne' and r.code = m.rne and m.year between r.first and r.last
left join codes l on l.field = 'ls' and l.code = m.ls and m.year between l.first and l.last
left join codes n on n.field = 'need' and n.code = m.need and m.year between n.first and n.last
left join codes p on p.field = 'place' and p.code = m.place and m.year between p.first and p.last
left join codes e on e.field = 'rec' and e.code = m.rec and m.year between e.first and e.last;
create temp table numbered as
select authority, raw.year, who, spot, decom, decom_odd, dec, dec_odd, mix,
  hash(who, mix, decom, decom_odd, dec, dec_odd) alike
from raw join people using (authority, child) join mixes m
  on m.year = raw.year and m.rne = raw.rne and m.ls = raw.ls and m.need = raw.need and m.place = raw.place and m.rec = raw.rec;
drop table raw;
-- Rows that are alike, numbered; which they may be is told by a hash, so that only those few are sorted.
create temp table copies as
select spot, row_number() over (partition by who, mix, decom, decom_odd, dec, dec_odd order by spot) copy from numbered
where alike in (select alike from numbered group by alike having count(*) > 1);
-- A child's episodes that begin on one day are held again by a later return from the last on: one that ended on the
-- day that it began stands in the return of its own year alone.
create temp table later as
select who, decom, decom_odd, max(year) latest, count(*) > bit_count(bit_or(1::bigint << (year - 1990))) several
from numbered group by all having min(year) < max(year);
create temp table held_once as
with beside as (
  select n.who, n.decom, n.decom_odd, year, spot, dec, row_number() over (
    partition by n.who, n.decom, n.decom_odd, year order by dec desc nulls first, spot desc) from_end
  from numbered n join later z on several and z.who = n.who and z.decom is not distinct from n.decom
    and z.decom_odd = n.decom_odd
  where spot not in (select spot from copies where copy > 1)
), sizes as (
  select who, decom, decom_odd, year, count(*) n from beside group by all
)
select spot from beside b where dec is not null and dec <= make_date(year::integer, 3, 31) and from_end > (
  select max(n) from sizes s where s.who = b.who and s.decom is not distinct from b.decom
    and s.decom_odd = b.decom_odd and s.year > b.year);
create temp table judged as
select authority, year, n.who, spot, n.decom, dec, dec_odd, mix, coalesce(copy, 1) copy
from numbered n left join copies using (spot)
left join later z on z.who = n.who and z.decom is not distinct from n.decom and z.decom_odd = n.decom_odd
where latest is null or latest = year or (several and spot in (select spot from held_once));
create temp table told as select authority, year, count(*) n from numbered group by all;
create temp table counted as select (select count(*) from numbered) n_rows, (select count(*) from judged) n_episodes;
drop table numbered;
drop table copies;
drop table later;
drop table held_once;
-- What the rules of rows see.
create temp view by_row as
select j.*, make_date(j.year::integer, 3, 31) year_end, child, dob, birthday_18, m.* exclude (mix, year),
  p.sex is null or s.code is not null sex_known
from judged j join people p using (who) join mixes m using (mix)
left join codes s on s.field = 'sex' and s.code = p.sex and j.year between s.first and s.last;
