//! What clients could do themselves instead of asking the vault.
//!
//! Input: a vault's load. Output: [`LocalWhatIf`] rows: public-key operations done with the public
//! key (facts §3: Microsoft's own advice), and data keys kept after they are unwrapped.

use super::super::amounts::Amounts;
use super::super::axis::Base;
use super::arrivals::Arrivals;
use super::replay::Life;
use super::{everything, kept, without_hits};
use crate::findings::load::class::{Budgets, Charge};
use crate::findings::load::{LoadStream, VaultLoad};
use crate::record::operation::Plane;
use crate::report::capacity::LocalWhatIf;

/// The rows; none for what the log has no requests of.
pub(super) fn what_ifs(
    base: &Base,
    vault: &VaultLoad<'_>,
    budgets: &Budgets<'_>,
    ttls: &[Option<u64>],
) -> Vec<LocalWhatIf> {
    let mut rows: Vec<LocalWhatIf> = public_key(base, vault, budgets).into_iter().collect();
    let unwrapped = |stream: &LoadStream<'_>| {
        stream.is_success() && matches!(stream.operation(), Some("KeyUnwrap" | "KeyDecrypt"))
    };
    let arrivals = Arrivals::new(base, vault, unwrapped, true, |_, charge| charge.high);
    if !arrivals.is_empty() {
        let everything = everything(base, &arrivals);
        rows.extend(ttls.iter().flatten().map(|ttl| data_keys(base, &arrivals, &everything, *ttl)));
    }
    rows
}

/// `KeyEncrypt`, `KeyWrap` and `KeyVerify` need no more than the public key: one `KeyGet` an
/// instance, key and day.
fn public_key(base: &Base, vault: &VaultLoad<'_>, budgets: &Budgets<'_>) -> Option<LocalWhatIf> {
    let public = |stream: &LoadStream<'_>| {
        stream.is_success() && matches!(stream.operation(), Some("KeyEncrypt" | "KeyWrap" | "KeyVerify"))
    };
    let get = |stream: &LoadStream<'_>, charge: Charge| {
        let charges = budgets.charges(Plane::Data, vault.vault.hsm, Some("KeyGet"), stream.kind());
        charges.iter().flatten().find(|get| get.class == charge.class).map_or(charge.high, |get| get.high)
    };
    let arrivals = Arrivals::new(base, vault, public, false, get);
    if arrivals.is_empty() {
        return None;
    }
    let (answers, removed) = without_hits(base, &arrivals, &everything(base, &arrivals), Life::Day);
    let left = answers.requests - answers.hits;
    Some(LocalWhatIf {
        what: "public-key-local",
        ttl_seconds: None,
        requests: answers.requests,
        left,
        peak_utilisation: base.peak_without(&removed).fraction(),
        told: format!(
            "Encrypting, wrapping and verifying need only the public key: done by the clients, {} requests become at \
             most {left}, one KeyGet an instance, key and day. Symmetric keys of a Managed HSM have no public part.",
            answers.requests
        ),
    })
}

/// Keeps what was unwrapped or decrypted.
fn data_keys(base: &Base, arrivals: &Arrivals<'_>, everything: &[Amounts], ttl: u64) -> LocalWhatIf {
    let (answers, removed) = without_hits(base, arrivals, everything, Life::of(Some(ttl)));
    let left = answers.requests - answers.hits;
    LocalWhatIf {
        what: "data-key-reuse",
        ttl_seconds: Some(ttl),
        requests: answers.requests,
        left,
        peak_utilisation: base.peak_without(&removed).fraction(),
        told: format!(
            "Data keys kept {} would leave at least {left} of {} requests: the log does not show which data key was \
             unwrapped, so each instance is taken to use one a key. More data keys save less.",
            kept(Some(ttl)),
            answers.requests
        ),
    }
}
