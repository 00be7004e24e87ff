//! What is done to the sources: the kinds of change, and the tables of what is exchanged for what.

use std::fmt;

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// An atomic operation is weaker than AcqRel.
    Weaken,
    /// A statement is left out (`let _ = call` counts as one: it binds nothing).
    DeleteStatement,
    /// An arm of a match whose value is `()` does nothing.
    EmptyArm,
    /// An `if`, a `while` or a guard decides the other way.
    NegateCondition,
    /// A `!` is left out.
    DeleteNot,
    /// One binary operator for another.
    SwapBinary,
    /// A number one off, or the other truth value.
    Literal,
    /// Two neighbouring statements in the other order.
    SwapStatements,
    /// The other end of a deque, the other extreme, the other quantifier.
    SwapMethod,
    /// Another variant of the same enum.
    Variant,
    /// Thought of by somebody: an entry of a table.
    ByHand,
}

impl Operator {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::Weaken,
        Self::DeleteStatement,
        Self::EmptyArm,
        Self::NegateCondition,
        Self::DeleteNot,
        Self::SwapBinary,
        Self::Literal,
        Self::SwapStatements,
        Self::SwapMethod,
        Self::Variant,
        Self::ByHand,
    ];

    /// Its name in ids and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weaken => "weaken",
            Self::DeleteStatement => "delete-statement",
            Self::EmptyArm => "empty-arm",
            Self::NegateCondition => "negate-condition",
            Self::DeleteNot => "delete-not",
            Self::SwapBinary => "swap-operator",
            Self::Literal => "literal",
            Self::SwapStatements => "swap-statements",
            Self::SwapMethod => "swap-method",
            Self::Variant => "variant",
            Self::ByHand => "by-hand",
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The atomic operations of `sync::Word`. Its `hint` is no operation that anything rests on.
pub const ATOMIC: [&str; 3] = ["fetch_or", "fetch_and", "fetch_add"];

/// Methods that fit in each other's place.
const METHODS: [(&str, &str); 6] = [
    ("push_back", "push_front"),
    ("pop_front", "pop_back"),
    ("min", "max"),
    ("all", "any"),
    ("is_some", "is_none"),
    ("is_some_and", "is_none_or"),
];

/// Variants that fit in each other's place. One direction each: see [`variant`].
const VARIANTS: [(&str, &str); 16] = [
    ("Pushed::OntoSleeper", "Pushed::Quietly"),
    ("Pushed::Quietly", "Pushed::OntoSleeper"),
    ("Step::Ran", "Step::Idle"),
    ("Step::Idle", "Step::Stopped"),
    ("Step::Stopped", "Step::Idle"),
    ("Stop::HandBack", "Stop::RunRemaining"),
    ("Stop::RunRemaining", "Stop::HandBack"),
    ("Origin::Inside", "Origin::Outside"),
    ("Origin::Outside", "Origin::Inside"),
    ("Door::Open", "Door::Sealed"),
    ("Entry::Behind", "Entry::Closed"),
    ("Entry::Closed", "Entry::Behind"),
    ("Delivered::Fast", "Delivered::Queued"),
    ("Delivered::Queued", "Delivered::Fast"),
    ("ControlError::Stopped", "ControlError::FromCallback"),
    ("ControlError::FromCallback", "ControlError::Stopped"),
];

/// The method to call instead.
pub fn method(name: &str) -> Option<&'static str> {
    METHODS.iter().find_map(|&(one, other)| match name {
        _ if name == one => Some(other),
        _ if name == other => Some(one),
        _ => None,
    })
}

/// The variant to use instead of the one called `path` (its last two segments).
pub fn variant(path: &str) -> Option<&'static str> {
    VARIANTS.iter().find_map(|&(one, other)| (path == one).then_some(other))
}

/// The binary operator to use instead.
pub fn binary(operator: &syn::BinOp) -> Option<&'static str> {
    use syn::BinOp;
    Some(match operator {
        BinOp::Eq(_) => "!=",
        BinOp::Ne(_) => "==",
        BinOp::Lt(_) => "<=",
        BinOp::Le(_) => "<",
        BinOp::Gt(_) => ">=",
        BinOp::Ge(_) => ">",
        BinOp::And(_) => "||",
        BinOp::Or(_) => "&&",
        BinOp::Add(_) => "-",
        BinOp::Sub(_) => "+",
        BinOp::AddAssign(_) => "-=",
        BinOp::SubAssign(_) => "+=",
        BinOp::BitOrAssign(_) => "&=",
        _ => return None,
    })
}
