//! The question that all are asked: how many requests of each vault, object id, operation and status.
//!
//! Its answer is two numbers: of groups, and of records in all.

/// What a program answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Distinct vault, object id, operation and status.
    pub(crate) groups: u64,
    /// Records.
    pub(crate) total: u64,
}

impl Answer {
    /// Reads `groups=1 total=2` out of what a program printed.
    pub(crate) fn of(printed: &str) -> Option<Self> {
        let number = |name: &str| {
            let behind = printed.split_once(name)?.1;
            let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        Some(Self { groups: number("groups=")?, total: number("total=")? })
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, form: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(form, "groups={} total={}", self.groups, self.total)
    }
}
