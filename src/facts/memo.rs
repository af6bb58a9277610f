//! What a worker remembers of earlier records, so that the same texts are not looked up again.
//!
//! Input: fields of a record. Output: the references they got before. What is remembered is found by
//! the whole bytes that decide it, never by a hash alone, and is bounded: of what has places one takes
//! another's, of the rest all are forgotten beyond [`REMEMBERED`] entries. Must not change what is counted.

#![allow(clippy::option_option, reason = "not met, or met and none, or met and one")]

use std::num::NonZeroU64;
use std::sync::Arc;

use super::Map;
use super::dimensions::{Caller, Denial, Ref, Strings, Text, Vault};
use super::recent::Places;
use crate::classify::causes::CauseId;
use crate::classify::message::Details;
use crate::record::object::object_of_url;
use crate::record::operation::{Plane, plane};
use crate::record::{Identity, Record};

/// Entries of each kind remembered.
#[cfg(not(test))]
const REMEMBERED: usize = 4096;
/// So few in tests that forgetting is met.
#[cfg(test)]
const REMEMBERED: usize = 3;

/// Vaults, operations and URLs of objects remembered, as powers of two: Azure has some hundred operations, and a
/// vault some hundred objects that are asked for.
const VAULT_BITS: u32 = if cfg!(test) { 1 } else { 11 };
const OPERATION_BITS: u32 = if cfg!(test) { 2 } else { 9 };
const URL_BITS: u32 = if cfg!(test) { 2 } else { 14 };

/// Bytes of the longest URL that is remembered: room for a vault's name of 24 letters, an object's of 127 and a
/// version, in any cloud.
const LONGEST_URL: usize = 256;

/// Numbers of claims remembered: those that come one after the other have places of their own.
const MET: usize = 4 * REMEMBERED;

/// The place for claims of a number.
#[inline]
fn place_of(number: NonZeroU64) -> usize {
    usize::try_from(number.get() % MET as u64).unwrap_or(0)
}

/// What earlier records of a worker looked like.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// Resource ids as they stand in the log, and the vaults they name.
    pub(super) vaults: Places<Option<Ref<Vault>>, VAULT_BITS>,
    /// URLs, and the objects they name.
    objects: Places<Option<Text>, URL_BITS>,
    /// Claims, each with its length, and the callers that they alone tell.
    callers: Map<Box<[u8]>, Option<Ref<Caller>>>,
    /// Callers by the numbers of claims that were met before, each at the place that the number says.
    met: Vec<Option<(NonZeroU64, Option<Ref<Caller>>)>>,
    /// What messages carried, by the address of their details, which are kept so that no other
    /// details can get that address.
    denials: Map<usize, (Arc<Details>, Option<Ref<Denial>>)>,
    /// Operation names and the planes they belong to.
    operations: Places<(Text, Plane), OPERATION_BITS>,
    /// The ids of causes.
    causes: Vec<Option<Text>>,
    /// Room to put claims together in.
    claims: Vec<u8>,
    /// Room to put a fingerprint together in.
    pub(super) buffer: Vec<u8>,
}

impl Memo {
    /// The object that a record is about, `collection/name`; `None` for lists and operations on vaults.
    #[inline]
    pub(super) fn object(&mut self, record: &Record<'_>, strings: &mut Strings) -> Option<Text> {
        let by_id = record.id.as_deref().and_then(|url| self.object_of_url(url, strings));
        by_id.or_else(|| record.request_uri.as_deref().and_then(|url| self.object_of_url(url, strings)))
    }

    /// The object that a URL names.
    #[inline]
    fn object_of_url(&mut self, url: &str, strings: &mut Strings) -> Option<Text> {
        if let Some(known) = self.objects.get(url) {
            return known;
        }
        let object = object_of_url(url).map(|object| strings.intern_log(&object));
        if url.len() <= LONGEST_URL {
            self.objects.put(url, object);
        }
        object
    }

    /// The caller of claims, if they were met. Behind it [`Self::keep_caller`] may remember them.
    #[inline]
    pub(super) fn caller(&mut self, identity: &Identity<'_>) -> Option<Option<Ref<Caller>>> {
        if let Some(number) = identity.met.number()
            && let Some(Some((met, caller))) = self.met.get(place_of(number))
            && *met == number
        {
            return Some(*caller);
        }
        let caller = self.caller_by_claims(identity)?;
        self.keep_met(identity, caller);
        Some(caller)
    }

    /// The caller of claims by what they hold.
    fn caller_by_claims(&mut self, identity: &Identity<'_>) -> Option<Option<Ref<Caller>>> {
        self.claims.clear();
        for claim in identity.claims() {
            // An empty claim is none.
            let claim = claim.as_deref().unwrap_or_default();
            self.claims.extend_from_slice(&claim.len().to_le_bytes());
            self.claims.extend_from_slice(claim.as_bytes());
        }
        self.callers.get(self.claims.as_slice()).copied()
    }

    /// Remembers the caller of the claims last asked for.
    pub(super) fn keep_caller(&mut self, identity: &Identity<'_>, caller: Option<Ref<Caller>>) {
        make_room(&mut self.callers);
        self.callers.insert(self.claims.as_slice().into(), caller);
        self.keep_met(identity, caller);
    }

    /// Remembers the caller of claims by their number, if they have one.
    fn keep_met(&mut self, identity: &Identity<'_>, caller: Option<Ref<Caller>>) {
        if let Some(number) = identity.met.number() {
            self.met.resize(MET, None);
            if let Some(place) = self.met.get_mut(place_of(number)) {
                *place = Some((number, caller));
            }
        }
    }

    /// What of a message tells one failure from another, if its details were met.
    pub(super) fn denial(&self, details: &Arc<Details>) -> Option<Option<Ref<Denial>>> {
        self.denials.get(&Arc::as_ptr(details).addr()).map(|(_, denial)| *denial)
    }

    /// Remembers it.
    pub(super) fn keep_denial(&mut self, details: &Arc<Details>, denial: Option<Ref<Denial>>) {
        make_room(&mut self.denials);
        self.denials.insert(Arc::as_ptr(details).addr(), (Arc::clone(details), denial));
    }

    /// An operation's name and plane.
    #[inline]
    pub(super) fn operation(&mut self, name: &str, strings: &mut Strings) -> (Text, Plane) {
        if let Some(known) = self.operations.get(name) {
            return known;
        }
        let (text, plane) = (strings.intern_log(name), plane(name));
        self.operations.put(name, (text, plane));
        (text, plane)
    }

    /// The text of a cause's id.
    #[inline]
    pub(super) fn cause(&mut self, number: CauseId, id: &str, strings: &mut Strings) -> Text {
        let index = number.index();
        if let Some(Some(text)) = self.causes.get(index)
            // Another table of causes may number them otherwise.
            && strings.get(*text) == id
        {
            return *text;
        }
        let text = strings.intern(id);
        if self.causes.len() <= index {
            self.causes.resize(index + 1, None);
        }
        self.causes[index] = Some(text);
        text
    }
}

/// Forgets all entries of a kind when they are many.
fn make_room<K, V>(map: &mut Map<K, V>) {
    if map.len() >= REMEMBERED {
        map.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is remembered of URLs changes no object, whichever share a place.
        #[test]
        fn objects_are_those_of_the_urls(
            urls in prop::collection::vec(
                (
                    prop::option::of("https://kv[ab]?[.]vault[.]azure[.]net/(secrets|keys|Keys)?/?[ab]{0,2}/?[ab]{0,1}"),
                    prop::option::of("https://kv[.]vault[.]azure[.]net/secrets/[aB]{0,2}[?]v=[ab]{0,1}"),
                ),
                0..60,
            ),
        ) {
            let (mut memo, mut strings) = (Memo::default(), Strings::default());
            for (id, uri) in &urls {
                let record = Record {
                    id: id.as_deref().map(Into::into),
                    request_uri: uri.as_deref().map(Into::into),
                    ..Record::default()
                };
                let of = |url: &Option<String>| url.as_deref().and_then(object_of_url).map(|object| object.into_owned());
                let slow = of(id).or_else(|| of(uri));
                let found = memo.object(&record, &mut strings).map(|object| strings.get(object).to_owned());
                prop_assert_eq!(found, slow);
            }
        }
    }
}
