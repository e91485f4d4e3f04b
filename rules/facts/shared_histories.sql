-- What several queries read out of the histories of users.

-- Floats as they were on as_of. One is due once its day is over; it is settled when it was repaid or is past due.
CREATE MACRO floats_as_of() AS TABLE
SELECT
    subject_id,
    as_of,
    amount,
    due_on,
    CASE WHEN repaid_on <= as_of THEN repaid_on END AS repaid,
    repaid IS NULL AND due_on < as_of AS is_late,
    is_late OR coalesce(repaid > due_on, FALSE) AS was_late,
    is_late OR repaid IS NOT NULL AS is_settled,
    -- Nothing is collected before it is due, unless it was repaid before.
    due_on <= as_of OR repaid IS NOT NULL AS is_owed,
    collection_attempts,
    collection_failures
FROM floats
JOIN subjects USING (subject_id)
WHERE taken_on <= as_of;

-- The categories of `underwriting.domain.histories` as numbers, which are compared faster than text; what is none of
-- them is as good as not classified. Their order makes each of the macros below one comparison or two. In what follows a
-- kind has the sign of its amount: money out is below zero.
CREATE MACRO kind_of(category) AS coalesce(
    list_position(
        [
            'wages', 'benefits', 'gig', 'other_income',
            'advance', 'transfer', 'returned', 'loan', 'gambling', 'overdraft_fee', 'unclassified',
            'housing', 'utilities', 'groceries', 'transport', 'health', 'insurance', 'family',
            'spending', 'cash', 'fee', 'refund', 'own_float', 'interest', 'proceeds'
        ],
        category
    ),
    11
)::TINYINT;
CREATE MACRO unclassified() AS kind_of(NULL);
-- Reversals deducted.
CREATE MACRO is_income(kind) AS kind BETWEEN -4 AND 4 AND kind <> 0;
-- Debits, without and with those that nobody could classify.
CREATE MACRO is_essential(kind) AS kind BETWEEN -18 AND -12;
CREATE MACRO may_be_essential(kind) AS kind BETWEEN -18 AND -11;
-- Debits, also those that nobody could classify and those that serve a loan; and what undoes them: fees given back and
-- refunds.
CREATE MACRO is_spending(kind) AS kind BETWEEN -22 AND -8 OR kind BETWEEN 21 AND 22 OR kind = kind_of('overdraft_fee');
-- A fee given back, a returned debit taken back, a pay taken back.
CREATE MACRO is_reversal(kind) AS kind BETWEEN -4 AND -1 OR kind = kind_of('overdraft_fee') OR kind = -kind_of('returned');
-- What is used for more than totals: income, debts, returned debits and fees, transfers out, unclassified transactions.
CREATE MACRO is_noted(kind) AS kind BETWEEN -11 AND 11 AND kind <> kind_of('transfer');
-- Income of a payer with a name.
CREATE MACRO has_payer(kind, counterparty) AS is_income(kind) AND coalesce(counterparty <> '', FALSE);

-- What is open of a provider's advances (below zero), by what was paid to it: oldest first, and on a day advances first.
-- What a payment exceeds the largest advance by, up to a share of it, is the fee of that advance. Where no advance of
-- the last term is paid back so, a payment of no more than such a fee of what is open rolls the advance over and repays
-- nothing. What is open never falls below zero.
CREATE MACRO open_principal(moves, advances) AS list_reduce(
    list_transform(
        list_transform(
            moves,
            lambda move: {
                'day': move.day,
                'paid': move.paid,
                'repaid': CASE
                    WHEN move.paid > 0
                    THEN list_filter(
                        advances,
                        lambda advance: advance.day <= move.day
                            AND move.paid BETWEEN -advance.paid AND -advance.paid * (1 + max_fee_share())
                    )
                END
            }
        ),
        lambda move: {
            'open': move.paid,
            'largest': -move.paid,
            'principal': coalesce(-list_min(list_transform(move.repaid, lambda advance: advance.paid)), move.paid),
            'may_roll': move.paid > 0 AND coalesce(
                list_max(list_transform(move.repaid, lambda advance: advance.day)) < move.day - advance_term_days(),
                TRUE
            )
        }
    ),
    -- So far: what is open, and the largest advance. Of a move, `open` is what it pays.
    lambda so_far, move: {
        'open': CASE
            WHEN move.may_roll AND move.open <= least(so_far.open, so_far.largest) * max_fee_share() THEN so_far.open
            ELSE greatest(so_far.open - move.principal, 0)
        END,
        'largest': greatest(so_far.largest, move.largest),
        'principal': 0,
        'may_roll': FALSE
    },
    {'open': 0, 'largest': 0, 'principal': 0, 'may_roll': FALSE}
).open;

-- Of the days between deposits, those that fit a cadence; and the first cadence that more than half of them fit.
CREATE MACRO within(gaps, cadence) AS
    list_filter(gaps, lambda gap: gap BETWEEN cadence.shortest AND cadence.longest);
CREATE MACRO cadence_of(gaps) AS
    list_filter(cadences(), lambda cadence: 2 * len(within(gaps, cadence)) > len(gaps))[:1];
