//! The texts that facts refer to, each kept once: strings, vaults, callers, denials.

use std::borrow::Cow;
use std::hash::Hash;
use std::marker::PhantomData;
use std::num::NonZeroU32;

use indexmap::{IndexMap, IndexSet};

use super::recent::Recent;
use crate::classify::Basis;
use crate::record::AccessFlags;
use crate::record::caller::CallerKind;
use crate::record::operation::Plane;
use crate::redact::redact;

/// Longest text kept of a log, in bytes; a longer one is cut. No field of a real record is near it.
pub const MOST_BYTES: usize = 2048;

/// At most [`MOST_BYTES`] of a text, cut between characters.
fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MOST_BYTES)).unwrap_or(text)
}

/// A reference into a [`Pool`].
#[derive(Debug)]
pub struct Ref<T: ?Sized> {
    number: NonZeroU32,
    of: PhantomData<fn() -> Box<T>>,
}

impl<T: ?Sized> Ref<T> {
    /// The reference to the entry at an index; an input with more than 2^32 − 2 distinct texts is
    /// refused by ending the blob, rather than counted wrongly.
    fn at(index: usize) -> Self {
        let number = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
        Self { number: number.expect("fewer than 2^32 distinct texts"), of: PhantomData }
    }

    /// The index of the entry.
    pub fn index(self) -> usize {
        self.number.get() as usize - 1
    }
}

impl<T: ?Sized> Clone for Ref<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Ref<T> {}

impl<T: ?Sized> PartialEq for Ref<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<T: ?Sized> Eq for Ref<T> {}

impl<T: ?Sized> Hash for Ref<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

/// A string that is kept once.
pub type Text = Ref<str>;

/// Values that are kept once each.
#[derive(Debug)]
pub struct Pool<T> {
    set: IndexSet<T, foldhash::fast::RandomState>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { set: IndexSet::default() }
    }
}

impl<T: Copy + Eq + Hash> Pool<T> {
    /// The reference to a value.
    pub fn intern(&mut self, value: T) -> Ref<T> {
        Ref::at(self.set.insert_full(value).0)
    }

    /// The value of a reference.
    pub fn get(&self, reference: Ref<T>) -> T {
        self.set[reference.index()]
    }

    /// The references to all values, in their order.
    pub fn refs(&self) -> impl Iterator<Item = Ref<T>> {
        (0..self.set.len()).map(Ref::at)
    }

    /// All values, in the order of their references.
    pub fn iter(&self) -> impl Iterator<Item = T> {
        self.set.iter().copied()
    }
}

/// Strings that are kept once each.
#[derive(Debug, Default)]
pub struct Strings {
    set: IndexSet<Box<str>, foldhash::fast::RandomState>,
    /// Texts of a log that are kept in another form: in lower case, or without a token.
    kept_as: IndexMap<Box<str>, Text, foldhash::fast::RandomState>,
    /// Texts of a log that were interned last.
    recent: Recent,
    /// Bytes of all texts above.
    bytes: usize,
}

impl Strings {
    /// The reference to a string.
    pub fn intern(&mut self, text: &str) -> Text {
        if let Some(index) = self.set.get_index_of(text) {
            return Ref::at(index);
        }
        self.bytes += text.len();
        Ref::at(self.set.insert_full(text.into()).0)
    }

    /// The reference to a text of a log, without tokens and signatures.
    #[inline]
    pub fn intern_log(&mut self, text: &str) -> Text {
        if let Some(kept) = self.recent.get(text) {
            return kept;
        }
        let kept = self.intern_log_once(text);
        if self.set.len() >= Recent::LEAST {
            self.recent.put(text, kept);
        }
        kept
    }

    /// [`Self::intern_log`] for a text that hardly comes again.
    pub fn intern_log_once(&mut self, text: &str) -> Text {
        if let Some(index) = self.set.get_index_of(text) {
            return Ref::at(index);
        }
        if let Some(kept) = self.kept_as.get(text) {
            return *kept;
        }
        match redact(shortened(text)) {
            Cow::Borrowed(kept) if kept.len() == text.len() => self.intern(text),
            kept => self.keep_as(text, &kept),
        }
    }

    /// [`Self::intern_log`] in lower case, for names that Azure compares without case.
    pub fn intern_lower(&mut self, text: &str) -> Text {
        // Every byte, without stopping: that is done many at a time.
        if !text.bytes().fold(false, |upper, byte| upper | byte.is_ascii_uppercase()) {
            return self.intern_log(text);
        }
        if let Some(kept) = self.kept_as.get(text) {
            return *kept;
        }
        // A token is known by its case.
        let lower = redact(shortened(text)).to_ascii_lowercase();
        self.keep_as(text, &lower)
    }

    fn keep_as(&mut self, text: &str, kept: &str) -> Text {
        let kept = self.intern(kept);
        // What is too long to keep is too long to remember.
        if text.len() <= MOST_BYTES && self.kept_as.insert(text.into(), kept).is_none() {
            self.bytes += text.len();
        }
        kept
    }

    /// How many there are, with those remembered as they stood, and their bytes.
    pub fn extent(&self) -> (usize, usize) {
        (self.set.len() + self.kept_as.len(), self.bytes)
    }

    /// All strings, in the order of their references.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.set.iter().map(AsRef::as_ref)
    }

    /// The string of a reference.
    pub fn get(&self, text: Text) -> &str {
        &self.set[text.index()]
    }
}

/// A vault or Managed HSM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vault {
    /// Its name, in lower case.
    pub name: Text,
    /// A Managed HSM pool.
    pub hsm: bool,
    /// Subscription id, in lower case.
    pub subscription: Option<Text>,
    /// Resource group, in lower case.
    pub resource_group: Option<Text>,
}

/// A caller as one record shows it. The same object id may appear with and without a name: callers
/// are brought together in `findings`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Object id, in lower case.
    pub oid: Option<Text>,
    /// Application (client) id, in lower case.
    pub appid: Option<Text>,
    /// What it is.
    pub kind: CallerKind,
    /// Name to show.
    pub name: Option<Text>,
    /// Tenant id.
    pub tenant: Option<Text>,
    /// ARM id of the managed identity.
    pub managed_identity: Option<Text>,
    /// ARM id of the resource that runs it.
    pub resource: Option<Text>,
}

/// What a failure's message carried: see [`crate::classify::message::Details`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Denial {
    /// `AKVnnnnn`.
    pub akv_code: Option<Text>,
    /// Access-policy permission wanted.
    pub permission: Option<Text>,
    /// RBAC data action wanted.
    pub action: Option<Text>,
    /// Managed HSM scope.
    pub scope: Option<Text>,
    /// Audience expected.
    pub expected_audience: Option<Text>,
    /// Audience found.
    pub found_audience: Option<Text>,
    /// Issuer found.
    pub found_issuer: Option<Text>,
    /// Deny assignment.
    pub deny_assignment: Option<Text>,
    /// Throttling reason.
    pub throttle_reason: Option<Text>,
    /// The vault's region.
    pub region: Option<Text>,
}

/// Everything that tells one stream of requests from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The vault; `None` where the record names none.
    pub vault: Option<Ref<Vault>>,
    /// Data, control, or notification.
    pub plane: Plane,
    /// Operation name.
    pub operation: Option<Text>,
    /// `collection/name`.
    pub object: Option<Text>,
    /// Key type and size, `RSA-HSM 2048`.
    pub key_kind: Option<Text>,
    /// Who asked.
    pub caller: Option<Ref<Caller>>,
    /// From where.
    pub client_address: Option<Text>,
    /// With what.
    pub client_agent: Option<Text>,
    /// HTTP status.
    pub status: Option<u16>,
    /// Cause id.
    pub cause: Text,
    /// What the cause rests on.
    pub basis: Basis,
    /// The service's own flags.
    pub access: AccessFlags,
    /// The question whether a challenge was answered has been settled (see `findings::challenges`).
    pub settled: bool,
    /// What the message carried.
    pub denial: Option<Ref<Denial>>,
}

/// As the derived one, in fewer steps: every request is looked up by its key.
impl Hash for RequestKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let pair = |one: u32, other: u32| u64::from(one) << 32 | u64::from(other);
        let flag = |flag: Option<bool>| flag.map_or(0, |flag| 1 + u64::from(flag));
        let AccessFlags { policy_match, rbac_authorized, address_authorized } = self.access;
        let flags = flag(policy_match) << 4 | flag(rbac_authorized) << 2 | flag(address_authorized);
        let small = [self.plane as u64, self.basis as u64, u64::from(self.settled), flags];
        let small = small.into_iter().fold(u64::from(self.status.unwrap_or(0)), |all, one| all << 8 | one);
        state.write_u64(pair(number(self.vault), number(self.operation)));
        state.write_u64(pair(number(self.object), number(self.key_kind)));
        state.write_u64(pair(number(self.caller), number(self.client_address)));
        state.write_u64(pair(number(self.client_agent), number(Some(self.cause))));
        state.write_u64(pair(number(self.denial), 0) ^ small.rotate_left(8));
    }
}

/// The number of an optional reference; 0 is none's.
#[inline]
pub(super) fn number<T: ?Sized>(reference: Option<Ref<T>>) -> u32 {
    reference.map_or(0, |reference| reference.number.get())
}

/// All pools.
#[derive(Debug, Default)]
pub struct Dimensions {
    /// Texts.
    pub strings: Strings,
    /// Vaults.
    pub vaults: Pool<Vault>,
    /// Callers.
    pub callers: Pool<Caller>,
    /// Denials.
    pub denials: Pool<Denial>,
}

impl Dimensions {
    /// The text of an optional reference.
    pub fn text(&self, text: Option<Text>) -> Option<&str> {
        text.map(|text| self.strings.get(text))
    }
}

/// Where the entries of one set of dimensions are in another.
#[derive(Debug)]
pub struct Remap {
    strings: Vec<Text>,
    vaults: Vec<Ref<Vault>>,
    callers: Vec<Ref<Caller>>,
    denials: Vec<Ref<Denial>>,
}

impl Remap {
    /// Adds the entries of `other` to `into`, and notes where they went.
    pub fn new(into: &mut Dimensions, other: &Dimensions) -> Self {
        let strings: Vec<Text> = other.strings.set.iter().map(|text| into.strings.intern(text)).collect();
        let mut remap = Self { strings, vaults: Vec::new(), callers: Vec::new(), denials: Vec::new() };
        remap.vaults = other.vaults.iter().map(|vault| into.vaults.intern(remap.vault_of(vault))).collect();
        remap.callers =
            other.callers.iter().map(|caller| into.callers.intern(remap.caller_of(caller))).collect();
        remap.denials =
            other.denials.iter().map(|denial| into.denials.intern(remap.denial_of(denial))).collect();
        remap
    }

    /// A text.
    pub fn text(&self, text: Text) -> Text {
        self.strings[text.index()]
    }

    /// An optional text.
    pub fn maybe(&self, text: Option<Text>) -> Option<Text> {
        text.map(|text| self.text(text))
    }

    /// A vault.
    pub fn vault(&self, vault: Option<Ref<Vault>>) -> Option<Ref<Vault>> {
        vault.map(|vault| self.vaults[vault.index()])
    }

    /// A caller.
    pub fn caller(&self, caller: Option<Ref<Caller>>) -> Option<Ref<Caller>> {
        caller.map(|caller| self.callers[caller.index()])
    }

    /// A request key.
    pub fn key(&self, key: RequestKey) -> RequestKey {
        RequestKey {
            vault: self.vault(key.vault),
            operation: self.maybe(key.operation),
            object: self.maybe(key.object),
            key_kind: self.maybe(key.key_kind),
            caller: self.caller(key.caller),
            client_address: self.maybe(key.client_address),
            client_agent: self.maybe(key.client_agent),
            cause: self.text(key.cause),
            denial: key.denial.map(|denial| self.denials[denial.index()]),
            ..key
        }
    }

    fn vault_of(&self, vault: Vault) -> Vault {
        Vault {
            name: self.text(vault.name),
            hsm: vault.hsm,
            subscription: self.maybe(vault.subscription),
            resource_group: self.maybe(vault.resource_group),
        }
    }

    fn caller_of(&self, caller: Caller) -> Caller {
        Caller {
            oid: self.maybe(caller.oid),
            appid: self.maybe(caller.appid),
            kind: caller.kind,
            name: self.maybe(caller.name),
            tenant: self.maybe(caller.tenant),
            managed_identity: self.maybe(caller.managed_identity),
            resource: self.maybe(caller.resource),
        }
    }

    fn denial_of(&self, denial: Denial) -> Denial {
        Denial {
            akv_code: self.maybe(denial.akv_code),
            permission: self.maybe(denial.permission),
            action: self.maybe(denial.action),
            scope: self.maybe(denial.scope),
            expected_audience: self.maybe(denial.expected_audience),
            found_audience: self.maybe(denial.found_audience),
            found_issuer: self.maybe(denial.found_issuer),
            deny_assignment: self.maybe(denial.deny_assignment),
            throttle_reason: self.maybe(denial.throttle_reason),
            region: self.maybe(denial.region),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_log_are_kept_short_and_without_tokens() {
        let mut strings = Strings::default();
        let long = "ß".repeat(MOST_BYTES);
        let (cut, same) = (strings.intern_log(&long), strings.intern_log(&long));
        assert_eq!((strings.get(cut).len(), cut), (MOST_BYTES, same));
        let odd = strings.intern_log(&format!("x{long}"));
        assert_eq!(strings.get(odd).len(), MOST_BYTES - 1);
        let token = strings.intern_lower("Bearer eyJhbGciOiJub25lIn0.eyJvaWQiOiJ4In0.c2VjcmV0");
        assert_eq!(strings.get(token), "bearer [removed]");
        let (upper, lower) = (strings.intern_lower("KV-Orders"), strings.intern_lower("kv-orders"));
        assert_eq!(upper, lower);
        let kept: usize = strings.set.iter().chain(strings.kept_as.keys()).map(|text| text.len()).sum();
        assert_eq!(strings.extent(), (strings.set.len() + strings.kept_as.len(), kept));
    }
}
