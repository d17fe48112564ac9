create macro day_of(word) as case
    when regexp_full_match(word, '\d{4}-\d\d-\d\d([T ].*)?') then try_strptime(left(word, 10), '%Y-%m-%d')
    when regexp_full_match(word, '\d\d/\d\d/\d{4}') then try_strptime(word, '%d/%m/%Y') end::date;
create table seen as
    select authority, year, spot, kind, child, lower(nfa) in ('1', 'true', 'y', 'yes') nfa,
        day_of(birth) born, day_of(referral) referred, day_of(beginning) began, day_of(ending) ended,
        (kind = 'assessment' and ending <> '' and day_of(ending) is null)
            or (beginning <> '' and day_of(beginning) is null) odd,
        make_date(year, 3, 31) last_day
    from given_events;
create table kept_conferences as
    select * from seen where kind <> 'conference'
    union all
    select * from seen where kind = 'conference'
    qualify row_number() over (partition by authority, year, child, began order by spot) = 1;
create table latest as
    select * from kept_conferences
    qualify began is null or year = max(year) over (partition by authority, kind, child, began);
create view judged as
    select *, case when kind = 'assessment' then ended else began end counted_on,
        row_number() over (partition by authority, year, kind, child, began order by spot) nth
    from latest;
