-- Part of transactions.sql: which income recurs, by payer, and the main stream of each account.
--
-- Income without what is undone and what undid it. Few accounts have such lines: only theirs are counted.
income AS (
    SELECT account, age, amount, kind, counterparty
    FROM booked
    ANTI JOIN undone USING (account)
    WHERE is_income(kind) OR kind = unclassified()
    UNION ALL
    SELECT account, age, amount, kind, counterparty
    FROM (
        SELECT account, age, amount, kind, counterparty, unnest(range(sum(times)::BIGINT))
        FROM (
            SELECT account, age, amount, kind, counterparty, 1 AS times
            FROM booked
            SEMI JOIN undone USING (account)
            WHERE is_income(kind) OR kind = unclassified()
            UNION ALL
            SELECT account, age, amount, kind, counterparty, -1
            FROM undone
            WHERE is_income(kind)
        )
        GROUP BY account, age, amount, kind, counterparty
    )
),
-- What may be part of a stream. None of it is known where a stream may have ended or begun unseen.
incoming AS MATERIALIZED (
    SELECT account, age, amount, CASE WHEN kind <> unclassified() THEN nullif(counterparty, '') END AS payer, min_deposit
    FROM income
    JOIN accounts USING (account)
    WHERE is_sound AND NOT is_partial AND age < income_window_days() AND min_deposit IS NOT NULL
),
-- The last deposit that may belong to a stream, though nobody knows whose.
doubts AS (
    SELECT account, min(age) AS doubtful_deposit
    FROM (
        SELECT account, age
        FROM incoming
        WHERE payer IS NULL AND amount >= min_deposit
        UNION ALL
        SELECT account, unread_age
        FROM accounts
        WHERE unread_age < income_window_days()
    )
    GROUP BY account
),
-- What a payer pays on days that lie close together is one pay in parts, which is as old as the last of them; parts that
-- go on are added up to weeks, counted back from the last. Windows without an order run in that of the rows.
parts AS MATERIALIZED (
    SELECT
        *,
        sum((NOT same_payer)::INTEGER) OVER (ROWS UNBOUNDED PRECEDING)::INTEGER AS payer,
        max(CASE WHEN NOT goes_on THEN place * 512 + age END) OVER (ROWS UNBOUNDED PRECEDING) AS first_part,
        (age - first_part % 512) // 7 AS week,
        sum(amount) OVER (ROWS UNBOUNDED PRECEDING) AS paid_so_far
    FROM (
        SELECT
            account,
            age,
            amount,
            min_deposit,
            row_number() OVER () AS place,
            coalesce(account = lag(account) OVER () AND payer = lag(payer) OVER (), FALSE) AS same_payer,
            same_payer AND age - lag(age) OVER () < part_days() AS goes_on
        FROM (FROM incoming WHERE payer IS NOT NULL ORDER BY account, payer, age)
    )
),
pays AS (
    SELECT
        account,
        payer,
        first_part % 512 + week * 7 AS age,
        TRY_CAST(paid_so_far - lag(paid_so_far, 1, 0) OVER () AS BIGINT) AS paid,
        min_deposit
    FROM (
        SELECT
            *,
            coalesce(first_part = lead(first_part) OVER () AND week = lead(week) OVER (), FALSE) AS more_follows
        FROM parts
    )
    WHERE NOT more_follows
),
-- The latest six pays of each payer, the latest first, and the days from each to the one before.
payers AS (
    SELECT
        any_value(account) AS account,
        payer,
        min(age, 6)::INTEGER[] AS ages,
        arg_min(paid, age, 6) AS amounts,
        list_transform(ages[2:], lambda age, place: age - ages[place]) AS gaps
    FROM pays
    WHERE paid >= min_deposit
    GROUP BY payer
),
-- More than half of these days lie in one cadence, which leaves room for a bonus.
rhythmic AS MATERIALIZED (
    SELECT *, unnest(cadence_of(gaps)) AS cadence
    FROM payers
),
-- One missed pay is forgiven, two end the stream: what came before them is another, and it runs no more where they
-- are the last.
streams AS (
    SELECT
        account,
        payer,
        coalesce(list_position(list_transform(gaps, lambda gap: gap > max_periods() * cadence.longest), TRUE), len(ages))
            AS deposits,
        rhythmic.amounts[:deposits] AS amounts,
        floor(list_aggregate(within(gaps, cadence), 'median'))::INTEGER AS period,
        ages[1] AS days_since
    FROM rhythmic
    WHERE deposits > 1 AND days_since <= max_periods() * period
),
-- Income of payers without a rhythm, where no stream runs, by windows back from as_of.
irregular AS MATERIALIZED (
    SELECT
        account,
        age // irregular_window_days() AS slot,
        sum(amount)::BIGINT AS paid,
        min(age) AS latest,
        count(DISTINCT age) AS days
    FROM parts
    ANTI JOIN rhythmic USING (payer)
    ANTI JOIN streams USING (account)
    GROUP BY account, slot
),
-- They are a stream where enough of them in a row, up to the last, reach what a deposit has to.
irregular_streams AS (
    SELECT
        account,
        least(count(*), 6) AS deposits,
        arg_min(paid, slot, 6) AS amounts,
        irregular_window_days() AS period,
        min(latest) AS days_since
    FROM (
        SELECT account, slot, paid, latest
        FROM irregular
        JOIN accounts USING (account)
        WHERE paid >= min_deposit AND covered_from <= as_of - ((slot + 1) * irregular_window_days() - 1)
        QUALIFY row_number() OVER (PARTITION BY account ORDER BY slot) = slot + 1
    )
    GROUP BY account
    HAVING count(*) >= irregular_windows()
),
irregular_days AS (
    SELECT account, sum(days) AS irregular_days_90d
    FROM irregular
    JOIN accounts USING (account)
    WHERE paid >= min_deposit AND slot * irregular_window_days() < 90
    GROUP BY account
),
main_streams AS MATERIALIZED (
    SELECT
        *, list_sort(amounts)[(deposits - 1) // 4 + 1] AS amount, count(*) OVER (PARTITION BY account) AS streams
    FROM (FROM streams UNION ALL BY NAME FROM irregular_streams)
    QUALIFY row_number() OVER (PARTITION BY account ORDER BY amount / period DESC, days_since, payer) = 1
),
