-- Every event, typed as it comes in.
create type kinds as enum ('referral', 'assessment', 'section47', 'conference', 'plan');
create temp table seen (
    authority varchar, year integer, spot bigint, kind kinds, child varchar, nfa boolean,
    born date, referred date, began date, ended date, odd boolean);
-- Days that are not read, by file and column.
create temp table unread (file integer, kind varchar, name varchar, word varchar);
create temp macro day_of(word) as case
    when word like '____-__-__' or word like '____-__-__T%' or word like '____-__-__ %'
        then try_strptime(left(word, 10), '%Y-%m-%d')
    when word like '__/__/____' then try_strptime(word, '%d/%m/%Y') end::date;
