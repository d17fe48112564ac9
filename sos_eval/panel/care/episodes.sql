-- Text as it was read -> typed episodes, each once: the version of the authority's latest return that holds it.
create temp table children as
select authority, child, arg_max(dob, year) dob, arg_max(sex, year) sex, arg_max(upn, year) upn
from (select authority, year, trim(CHILD) child, trim(SEX) sex, trim(UPN) upn,
      case when length(trim(DOB)) = 10 then try_strptime(trim(DOB), '%d/%m/%Y')::date end dob from header) group by all;
create temp table alone as
select authority, child, max(coalesce(duc, date '9999-12-31')) duc
from (select authority, trim(CHILD) child, case when length(trim(DUC)) = 10
      then try_strptime(trim(DUC), '%d/%m/%Y')::date end duc from uasc) group by all;
create temp table elsewhere as
select upn from children where upn <> '' group by upn having count(distinct authority) > 1;
create temp table typed as
with words as (
  select authority, year, file, line, trim(CHILD) child, upper(trim(RNE)) rne, upper(trim(LS)) ls, upper(trim(CIN)) need,
    upper(trim(PLACE)) place, upper(trim(REC)) rec, trim(DEC) dec_written, trim(DECOM) decom_written,
    make_date(year, 3, 31) year_end, min(year) over (partition by authority) first_year
  from raw
), dated as (
  select *, case when length(decom_written) = 10 then try_strptime(decom_written, '%d/%m/%Y')::date end decom,
    case when length(dec_written) = 10 then try_strptime(dec_written, '%d/%m/%Y')::date end dec
  from words
)
select *, max(year) over (partition by authority, child, decom_written) = year latest,
  row_number() over (partition by authority, year, child, decom_written, rne, ls, need, place, dec_written, rec
                     order by file, line) copy
from dated;
create temp table judged as
select t.* exclude (latest), c.dob, c.sex, c.upn, a.duc, c.dob + interval 18 year birthday_18,
  make_date(coalesce(?, t.first_year) - 1, 4, 1) held_from,
  r.code is not null rne_known, l.code is not null ls_known, n.code is not null need_known,
  p.code is not null place_known, rec = '' or e.code is not null rec_known,
  c.sex is null or s.code is not null sex_known,
  coalesce(l."group", 'not_known') legal, coalesce(n."group", 'not_known') need_group,
  coalesce(p."group", 'not_known') place_group, coalesce(e."group", 'not_known') exit_group
from typed t
left join children c using (authority, child)
left join alone a using (authority, child)
left join codes r on r.field = 'rne' and r.code = t.rne and t.year between r.first and r.last
left join codes l on l.field = 'ls' and l.code = t.ls and t.year between l.first and l.last
left join codes n on n.field = 'need' and n.code = t.need and t.year between n.first and n.last
left join codes p on p.field = 'place' and p.code = t.place and t.year between p.first and p.last
left join codes e on e.field = 'rec' and e.code = t.rec and t.year between e.first and e.last
left join codes s on s.field = 'sex' and s.code = c.sex and t.year between s.first and s.last
where t.latest;
