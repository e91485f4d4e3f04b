-- What the bank feed of the main account says. Its lines are believed from covered_from to the day of the refresh.
--
-- A feed that was refreshed up to three days before as_of stands for those days, too: the age of the feed is a fact of
-- its own (72 h is the limit run's gate). One that is older says nothing of the present: whatever hangs on the last
-- days is unknown. So is whatever hangs on days before covered_from.
--
-- A transaction that nobody could classify counts for nothing that speaks for the user: neither as income nor as an
-- advance or a repayment shown, nor as an essential transaction. Money out is taken for spending, and for essential
-- spending in what an advance has to leave untouched. Fees, returned debits, transfers and advances due, which speak
-- against the user, are unknown where it may be one of them. A transaction that could not be read (unread_on) counts as
-- one that nobody could classify, of either sign; what was spent and the balances before its day are unknown, too.
--
-- Where changes_unknown, the bank may have changed any transaction: only their dates and today's balance are believed.
-- Where still_reading, older transactions are yet to come: the age of the history and the income streams are unknown.
WITH connections AS (
    SELECT
        subject_id,
        NOT coalesce(still_reading, FALSE) AS feed_complete,
        NOT coalesce(login_required, FALSE) AS feed_connected
    FROM subjects
    JOIN feeds USING (subject_id, currency)
    WHERE covered_from <= as_of
),
accounts AS MATERIALIZED (
    SELECT
        -- Counted within the query: what groups and joins by a number is twice as fast as by an id.
        row_number() OVER ()::INTEGER AS account,
        subject_id,
        as_of,
        covered_from,
        least(utc_day(refreshed_at), as_of) AS covered_to,
        covered_to >= as_of - 3 AS is_fresh,
        is_fresh AND NOT coalesce(changes_unknown, FALSE) AS is_sound,
        coalesce(still_reading, FALSE) AS is_partial,
        at_least_zero(as_of - unread_on)::INTEGER AS unread_age,
        -- Ages, in days before as_of, of the first and last of the last 60 days whose balance is taken as known.
        CASE WHEN opening_balance IS NULL THEN -1 ELSE least(as_of - covered_from, 59, as_of - unread_on) END::INTEGER
            AS first_age,
        CASE WHEN is_fresh THEN 0 ELSE as_of - covered_to END::INTEGER AS last_age,
        -- Days of the last 90 that the feed covers.
        covered_to - greatest(covered_from, as_of - 89) + 1 AS seen_90d,
        is_sound AND covered_from <= as_of - 29 AS knows_30d,
        is_sound AND covered_from <= as_of - 34 AS knows_35d,
        is_sound AND covered_from <= as_of - 59 AS knows_60d,
        is_sound AND covered_from <= as_of - 89 AS knows_90d,
        major_unit(currency) AS major,
        -- The balances of all accounts are one running sum, so none may be NULL.
        coalesce(opening_balance, 0) AS opening,
        -- Ignore holds that the bank authorised after the decision time.
        utc_day(refreshed_at) <= as_of OR epoch_us(refreshed_at) <= epoch_us(judged_at) AS is_before_judgement,
        CASE WHEN is_before_judgement THEN holds END AS holds,
        CASE WHEN is_before_judgement AND is_fresh THEN available_balance END AS told_available,
        at_least_zero(epoch_us(judged_at) - epoch_us(refreshed_at)) / 3.6e9 AS age_hours,
        institution_id,
        linked_accounts
    FROM subjects
    JOIN feeds USING (subject_id, currency)
    WHERE covered_from <= as_of AND covered_from <= utc_day(refreshed_at)
),
-- A window of n days has the ages below n.
booked AS MATERIALIZED (
    SELECT
        account,
        (as_of - booked_on)::INTEGER AS age,
        amount,
        kind_of(category)::TINYINT AS kind,
        -- Of what may be part of a stream of income; others are not asked for theirs.
        CASE WHEN amount > 0 AND (kind IS NULL OR is_income(kind)) THEN nullif(counterparty, '') END AS payer
    FROM transactions
    JOIN accounts USING (subject_id)
    WHERE booked_on BETWEEN covered_from AND covered_to
),
totals AS (
    SELECT
        account,
        max(age) AS oldest,
        min(age) AS latest,
        sum(amount) AS booked,
        sum(amount) FILTER (age >= 60) AS booked_before
    FROM booked
    GROUP BY account
),
-- Few figures of all transactions, and many of the few that tell of trouble.
daily_life AS (
    SELECT
        account,
        count(*) AS all_90d,
        count(*) FILTER (age < 30 AND amount < 0 AND is_essential(kind)) AS essential_30d,
        -sum(amount) FILTER (amount < 0 AND (kind IS NULL OR is_essential(kind))) AS essential_90d,
        sum(amount) FILTER (is_income(kind)) AS income_90d,
        -sum(amount) FILTER (amount < 0 AND kind = kind_of('transfer')) AS transfers_90d,
        -sum(amount) FILTER ((amount < 0 AND (kind IS NULL OR is_spending(kind))) OR kind = kind_of('refund'))
            AS spending_90d
    FROM booked
    WHERE age < 90
    GROUP BY account
),
-- Put together first: they are few, and what is few in every vector of rows is counted at the cost of all.
trouble AS MATERIALIZED (
    SELECT account, age, amount, kind
    FROM booked
    WHERE age < 90 AND (kind IS NULL OR kind IN (kind_of('advance'), kind_of('overdraft_fee'), kind_of('returned')))
    UNION ALL
    SELECT account, unread_age, unnest([-1, 1]), NULL
    FROM accounts
    WHERE unread_age < 90
),
telling AS (
    SELECT
        account,
        count(*) FILTER (age < 30 AND amount > 0 AND kind = kind_of('advance')) AS advances_30d,
        count(*) FILTER (age < 60 AND amount > 0 AND kind = kind_of('advance')) AS advances_60d,
        count(*) FILTER (amount > 0 AND kind = kind_of('advance')) AS advances_90d,
        count(*) FILTER (age < 30 AND amount < 0 AND kind = kind_of('advance')) AS repayments_30d,
        count(*) FILTER (age < 60 AND amount < 0 AND kind = kind_of('advance')) AS repayments_60d,
        count(*) FILTER (amount < 0 AND kind = kind_of('advance')) AS repayments_90d,
        sum(amount) FILTER (amount > 0 AND kind = kind_of('advance')) AS borrowed_90d,
        -sum(amount) FILTER (amount < 0 AND kind = kind_of('advance')) AS repaid_90d,
        sum(amount) FILTER (age < 35 AND kind = kind_of('advance')) AS advances_due,
        count(*) FILTER (age < 30 AND amount < 0 AND kind = kind_of('overdraft_fee')) AS overdraft_fees_30d,
        count(*) FILTER (age < 30 AND amount > 0 AND kind = kind_of('returned')) AS returned_30d,
        count(*) FILTER (age < 60 AND amount > 0 AND kind = kind_of('returned')) AS returned_60d,
        count(*) FILTER (amount > 0 AND kind = kind_of('returned')) AS returned_90d,
        -- How long ago something was booked last that nobody could classify.
        min(age) FILTER (amount < 0 AND kind IS NULL) AS unclassified_out,
        min(age) FILTER (amount > 0 AND kind IS NULL) AS unclassified_in
    FROM trouble
    GROUP BY account
),
-- Before the last 60 days an entry for what the account had by then, less what the account before it ended with: the
-- running sum of all entries is then the balance of each. A sum by account takes twice as long and more.
entries AS (
    SELECT
        account,
        60 AS age,
        opening + coalesce(booked_before, 0)
        - lag(opening + coalesce(booked, 0), 1, 0) OVER (ORDER BY account) AS amount
    FROM accounts
    LEFT JOIN totals USING (account)
    UNION ALL
    SELECT account, age, amount
    FROM booked
    WHERE age < 60
),
-- A balance stands until the day of the next entry: for no day at all where that is of the same day.
standing AS (
    SELECT
        account,
        age,
        CASE WHEN lead(account) OVER () = account THEN lead(age) OVER () END AS next_age,
        sum(amount) OVER (ROWS UNBOUNDED PRECEDING) AS balance
    FROM (FROM entries ORDER BY account, age DESC)
),
balances AS (
    SELECT
        account,
        sum(since - until) AS days,
        sum(balance * (since - until)) AS balance_days,
        sum(since - until) FILTER (balance < 0) AS negative_60d,
        sum(greatest(0, least(since, 29) - until)) FILTER (balance < 0) AS negative_30d,
        sum(since - until) FILTER (balance >= 50 * major) AS healthy
    FROM (
        SELECT
            account,
            balance,
            major,
            least(age, first_age) AS since,
            -- A stale feed may have ended before the 60 days began.
            least(coalesce(next_age, last_age - 1), since) AS until
        FROM standing
        JOIN accounts USING (account)
    )
    GROUP BY account
),
-- What may be part of a stream of income. That of a stale feed may have ended unseen, so none of it is known.
incoming AS (
    SELECT account, age, amount, kind, payer, major
    FROM booked
    JOIN accounts USING (account)
    WHERE is_sound AND NOT is_partial AND age < 300 AND amount > 0 AND (kind IS NULL OR is_income(kind))
),
-- The last deposit that may belong to a stream, though nobody knows whose.
doubts AS (
    SELECT account, min(age) AS doubtful_deposit
    FROM (
        SELECT account, age
        FROM incoming
        WHERE amount >= 150 * major AND (kind IS NULL OR payer IS NULL)
        UNION ALL
        SELECT account, unread_age
        FROM accounts
        WHERE unread_age < 300
    )
    GROUP BY account
),
-- What one payer pays on one day is one deposit; those of 150.00 or more may recur (the public threshold of
-- cash-advance lenders). The six latest monthly ones lie within 300 days.
deposits AS (
    SELECT account, payer, age, TRY_CAST(sum(amount) AS BIGINT) AS paid
    FROM incoming
    WHERE is_income(kind) AND payer IS NOT NULL
    GROUP BY account, payer, age, major
    HAVING paid >= 150 * major
),
-- The latest six of each payer, the latest first, and the days from each to the one before.
payers AS (
    SELECT
        account,
        payer,
        min({'age': age, 'paid': paid}, 6) AS latest,
        [latest[i + 1].age - latest[i].age for i in range(1, len(latest))] AS gaps
    FROM deposits
    GROUP BY account, payer
    HAVING count(*) > 1
),
-- Deposits less than five days apart are one pay in parts. Of the other gaps more than half lie in one cadence, which
-- leaves room for weekends, holidays and a bonus: weekly, fortnightly or twice a month, monthly.
paced AS (
    SELECT
        *,
        [gap for gap in gaps if gap >= 5] AS cycles,
        CASE
            WHEN 2 * len([gap for gap in gaps if gap BETWEEN 5 AND 9]) > len(cycles) THEN 9
            WHEN 2 * len([gap for gap in gaps if gap BETWEEN 11 AND 19]) > len(cycles) THEN 19
            WHEN 2 * len([gap for gap in gaps if gap BETWEEN 25 AND 36]) > len(cycles) THEN 36
        END AS longest
    FROM payers
),
-- One missed pay is forgiven, two end the stream: what came before them is another, and it runs no more where they
-- are the last.
streams AS (
    SELECT
        account,
        payer,
        coalesce(list_position([gap > 2 * longest for gap in gaps], TRUE), len(latest)) AS deposits,
        [each.paid for each in latest[:deposits]] AS amounts,
        list_sort(amounts)[(deposits - 1) // 4 + 1] AS amount,
        floor(list_aggregate([gap for gap in gaps[:deposits - 1] if gap >= 5], 'median'))::INTEGER AS period,
        latest[1].age AS days_since,
        days_since <= 2 * period AS is_running
    FROM paced
    WHERE longest IS NOT NULL
),
main_streams AS (
    SELECT *, count(*) OVER (PARTITION BY account) AS streams
    FROM streams
    WHERE is_running
    QUALIFY row_number() OVER (PARTITION BY account ORDER BY amount / period DESC, days_since, payer) = 1
),
-- Each day's balance is the last one less what was booked since: of the days of a pay cycle, these are the deductions.
cycles AS (
    SELECT account, sum(amount * (coalesce(period, 30) - 1 - age)) AS booked_since
    FROM (SELECT account, age, booked.amount, period FROM booked LEFT JOIN main_streams USING (account) WHERE age < 60)
    WHERE age < coalesce(period, 30)
    GROUP BY account
)
SELECT
    subject_id,
    feed_complete,
    feed_connected,
    CASE WHEN NOT is_partial THEN coalesce(oldest, 0) END AS history_days,
    -- A stale feed may lack later ones.
    CASE WHEN is_fresh THEN latest END AS days_since_transaction,
    age_hours AS feed_age_hours,
    known(knows_90d, all_90d) / 3 AS transactions_per_month,
    known(knows_30d, essential_30d) AS essential_transactions,
    known(knows_30d, advances_30d) AS competitor_advances_30d,
    known(knows_60d, advances_60d) AS competitor_advances_60d,
    known(knows_90d, advances_90d) AS competitor_advances_90d,
    known(knows_30d, repayments_30d) AS competitor_repayments_30d,
    known(knows_60d, repayments_60d) AS competitor_repayments_60d,
    known(knows_90d, repayments_90d) AS competitor_repayments_90d,
    known(knows_90d, borrowed_90d) AS competitor_borrowed_90d,
    known(knows_90d, repaid_90d) AS competitor_repaid_90d,
    at_least_zero(known(knows_35d AND none_within(35, unclassified_in), advances_due)) AS competitor_advances_due,
    -- That there is no recurring income is known only where 90 days show none, and nothing that may be it.
    CASE
        WHEN main_streams.deposits IS NOT NULL THEN least(main_streams.deposits, 6)
        WHEN knows_90d AND NOT is_partial AND doubtful_deposit IS NULL THEN 0
    END AS recurring_deposits,
    main_streams.amount AS recurring_deposit_amount,
    ratio(list_aggregate(amounts, 'stddev_samp'), list_aggregate(amounts, 'avg')) AS recurring_income_cv,
    main_streams.period AS pay_period_days,
    -- A pay that is overdue may be among the deposits that nobody could tell.
    CASE
        WHEN main_streams.days_since <= main_streams.period OR none_within(main_streams.days_since, doubtful_deposit)
        THEN main_streams.days_since
    END AS days_since_pay,
    CASE
        WHEN main_streams.streams IS NOT NULL THEN main_streams.streams
        WHEN recurring_deposits = 0 THEN 0
    END AS income_streams,
    floored(known(knows_90d, daily_life.income_90d), 3) AS monthly_income,
    -- Rounded up. A month's rent falls into every other pay or so, and three months have three of them.
    CASE
        WHEN none_within(90, unread_age)
        THEN (coalesce(essential_90d, 0) * main_streams.period + seen_90d - 1) // seen_90d
    END AS essential_spend_per_pay,
    ratio(known(knows_90d AND none_within(90, unclassified_out), transfers_90d), daily_life.income_90d) AS transfer_ratio,
    known(knows_90d, income_90d) AS income_90d,
    ratio(known(knows_90d AND none_within(90, unread_age), spending_90d), daily_life.income_90d) AS spend_to_income,
    known(knows_30d AND none_within(30, unclassified_out), overdraft_fees_30d) AS overdraft_fees_30d,
    known(knows_30d AND none_within(30, unclassified_in), returned_30d) AS returned_debits_30d,
    known(knows_60d AND none_within(60, unclassified_in), returned_60d) AS returned_debits_60d,
    known(knows_90d AND none_within(90, unclassified_in), returned_90d) AS returned_debits_90d,
    known(knows_30d AND first_age >= 29, negative_30d) AS negative_days_30d,
    known(knows_60d AND first_age >= 59, negative_60d) AS overdraft_days_60d,
    known(knows_60d AND first_age >= 59, healthy) AS healthy_days_60d,
    days AS balance_days_60d,
    CASE WHEN is_fresh AND first_age >= 0 THEN opening + coalesce(booked, 0) END AS current_balance,
    coalesce(current_balance - holds, told_available) AS available_balance,
    CASE
        WHEN is_sound AND NOT is_partial AND first_age >= coalesce(main_streams.period, 30) - 1
        THEN floored(
            current_balance * (coalesce(main_streams.period, 30) - 1) - coalesce(booked_since, 0) + available_balance,
            coalesce(main_streams.period, 30)
        )
    END AS cycle_available_balance,
    CASE
        WHEN days > 0 AND none_within(60, unread_age) AND (NOT is_partial OR days = 60)
        THEN floored(balance_days, days)
    END AS average_balance,
    institution_id,
    linked_accounts
FROM connections
LEFT JOIN accounts USING (subject_id)
LEFT JOIN totals USING (account)
LEFT JOIN daily_life USING (account)
LEFT JOIN telling USING (account)
LEFT JOIN balances USING (account)
LEFT JOIN doubts USING (account)
LEFT JOIN main_streams USING (account)
LEFT JOIN cycles USING (account)
