-- What is read of every file, typed as it comes in. Where no day can be read, what is written there stands in `…_odd`.
create temp table raw (
  authority usmallint, year usmallint, spot ubigint, child varchar, rne varchar, ls varchar, need varchar, place varchar,
  rec varchar, decom date, decom_odd varchar, dec date, dec_odd varchar);
create temp table header (authority usmallint, year usmallint, spot ubigint, child varchar, sex varchar, dob date,
  dob_odd varchar, upn varchar);
-- Returns that tell who came unaccompanied, if nobody did too.
create temp table uasc_told (authority usmallint, year usmallint);
create temp table uasc (authority usmallint, year usmallint, spot ubigint, child varchar, duc date, duc_odd varchar);
create temp macro day_of(word) as case when length(trim(word)) = 10 then try_strptime(trim(word), '%d/%m/%Y')::date end;
create temp macro odd_of(word) as case when day_of(word) is null then trim(word) else '' end;
create temp macro code_of(word) as upper(trim(word));
