//! What happens, when, and why: the sequence of events.
//!
//! In: the world, the plan and a seed. Out: one [`Event`] after another in the order in which they reach
//! the log, each with its cause decided beforehand.

use std::collections::BTreeMap;
use std::ops::Range;

use fastrand::Rng;

use crate::calendar::{Calendar, TICKS_PER_MS, TICKS_PER_SECOND, Ticks};
use crate::cause::{Cause, Deck};
use crate::cli::{Extent, Plan};
use crate::operation::{
    AUTHENTICATION, Family, NOTICES, OPERATIONS, Operation, Route, VAULT_CHANGES, VAULT_GET, WORKLOADS,
    Workload,
};
use crate::random::{Weighted, below, per_mille, ppm};
use crate::world::{Network, World};

/// Requests in a thousand that the client first tries without a token.
const CHALLENGED: u64 = 60;
/// Requests in a million that are Resource Graph polling.
const POLLING_PPM: u64 = 30_000;
/// Requests in a million that change a vault.
const CHANGES_PPM: u64 = 300;
/// Events in a million in which a vault tells of itself.
const NOTICES_PPM: u64 = 1_000;
/// Requests in a million that go to the Managed HSM.
const HSM_PPM: u64 = 8_000;
/// Share of a burst's minute that belongs to the one caller in a loop, in a thousand.
const BURST_SHARE: u64 = 600;
/// Failures in a thousand that are the last one of their cause once more.
const REPEATED: u64 = 750;
/// Tries to find a caller whose usual work suits a cause.
const TRIES: usize = 24;
/// Longest delay between an event and its arrival in the log.
const LONGEST_DELAY: u64 = 5 * TICKS_PER_SECOND;
/// Longest time that a client takes to come back with a token.
const LONGEST_GAP: u64 = 3 * TICKS_PER_SECOND;

/// Who asked for what, and why it went as it did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// The one cause.
    pub(crate) cause: Cause,
    /// Index of the vault.
    pub(crate) vault: usize,
    /// Index of the caller.
    pub(crate) caller: usize,
    /// Which of the caller's addresses.
    pub(crate) address: usize,
    /// Index of the operation that was asked for.
    pub(crate) operation: usize,
    /// Index of the object.
    pub(crate) object: usize,
    /// Whether the address names the version.
    pub(crate) versioned: bool,
}

impl Request {
    /// Index of the operation that the log names: requests that fail at the door are all alike.
    pub(crate) fn logged_operation(&self) -> usize {
        if self.cause.is_token() { AUTHENTICATION } else { self.operation }
    }

    /// The role assignment that decides for this caller at this vault: always the same GUID, never remembered.
    pub(crate) fn assignment(&self) -> (u64, u64) {
        let mut rng = Rng::with_seed((self.vault as u64) << 32 | self.caller as u64);
        (rng.u64(..), rng.u64(..))
    }
}

/// A request, or a vault's notice, at its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    /// When it happened.
    pub(crate) time: Ticks,
    /// When it reached the log, which decides its blob and its place there.
    pub(crate) arrival: Ticks,
    /// What happened.
    pub(crate) request: Request,
}

/// Draws the events.
#[derive(Debug)]
pub(crate) struct Traffic<'a> {
    /// Who and what there is.
    world: &'a World,
    /// Where to stop.
    extent: Extent,
    /// The rhythm.
    calendar: Calendar,
    /// Requests in a million that fail.
    failures_ppm: u64,
    /// Source of chance.
    rng: Rng,
    /// The failures to come.
    deck: Deck,
    /// The last request of each cause.
    last: Vec<Option<Request>>,
    /// The request that each burst repeats.
    bursts: Vec<Request>,
    /// Draws an operation, by workload.
    by_workload: [Weighted; 4],
    /// Draws an operation that a cause can happen to, by cause.
    by_cause: Vec<Weighted>,
    /// Requests that will come back with a token, by arrival and number.
    pending: BTreeMap<(Ticks, u64), Event>,
    /// Events returned or pending.
    drawn: u64,
}

impl<'a> Traffic<'a> {
    /// Prepares the traffic of a plan.
    pub(crate) fn new(plan: &Plan, world: &'a World, mut rng: Rng) -> Self {
        let calendar = Calendar::new(plan.start, plan.hours, &mut rng);
        let weights = |weight: &dyn Fn(&Operation) -> u64| Weighted::new(OPERATIONS.iter().map(weight));
        let mut traffic = Self {
            world,
            extent: plan.extent,
            failures_ppm: failures_among_requests(plan.failures_ppm),
            deck: Deck::default(),
            last: vec![None; Cause::ALL.len()],
            bursts: Vec::new(),
            by_workload: WORKLOADS.map(|workload| weights(&|operation| operation.weights[workload as usize])),
            by_cause: Cause::ALL
                .iter()
                .map(|cause| weights(&|operation| cause_weight(*cause, operation)))
                .collect(),
            pending: BTreeMap::new(),
            drawn: 0,
            calendar,
            rng,
        };
        traffic.bursts = (0..traffic.calendar.burst_count).map(|_| traffic.served()).collect();
        traffic
    }

    /// The next event to reach the log, after so many bytes have been written; `None` at the end.
    pub(crate) fn next(&mut self, bytes: u64) -> Option<Event> {
        let (done, total) = match self.extent {
            Extent::Records(total) => (self.drawn, total),
            Extent::Bytes(total) => (bytes, total),
        };
        let now = self.calendar.at(done, total);
        let due =
            self.pending.first_key_value().is_some_and(|((arrival, _), _)| *arrival <= now || done >= total);
        if due {
            self.pending.pop_first().map(|(_, event)| event)
        } else if done < total {
            Some(self.draw(now, total - done > 1))
        } else {
            None
        }
    }

    /// Draws what happens now; perhaps a challenge, if there is room for its answer.
    fn draw(&mut self, now: Ticks, room: bool) -> Event {
        let request = self.request(now);
        self.drawn += 1;
        let event = self.delayed(now, request);
        let challenged = !request.cause.is_token()
            && request.cause != Cause::Notification
            && request.vault != self.world.hsm
            && OPERATIONS[request.operation].is_data_plane()
            && now.after(LONGEST_GAP + LONGEST_DELAY) < self.calendar.end
            && per_mille(&mut self.rng, CHALLENGED);
        if !(challenged && room) {
            return event;
        }
        let gap = self.rng.u64(20 * TICKS_PER_MS..LONGEST_GAP);
        let time = event.time.after(gap);
        let arrival = time.after(self.delay()).max(now);
        self.pending.insert((arrival, self.drawn), Event { time, arrival, request });
        self.drawn += 1;
        Event { request: Request { cause: Cause::AuthChallenge, ..request }, ..event }
    }

    /// An event that arrives now and happened shortly before, though not before the span.
    fn delayed(&mut self, now: Ticks, request: Request) -> Event {
        let delay = self.delay() % (now.0 - self.calendar.start().0 + 1);
        let mut time = Ticks(now.0 - delay);
        if request.vault == self.world.hsm {
            // Its log has milliseconds only.
            time = Ticks(time.0 - time.0 % TICKS_PER_MS).max(self.calendar.start());
        }
        Event { time, arrival: now, request }
    }

    /// Time on the way to the log: mostly a blink, so that records are a little out of order.
    fn delay(&mut self) -> u64 {
        let longest = if per_mille(&mut self.rng, 50) { LONGEST_DELAY } else { TICKS_PER_SECOND / 4 };
        self.rng.u64(..longest)
    }

    /// What is asked for now.
    fn request(&mut self, now: Ticks) -> Request {
        let fails = ppm(&mut self.rng, self.failures_ppm);
        let burst = self.calendar.burst(now).map(|burst| self.bursts[burst]);
        let looping = burst.filter(|_| per_mille(&mut self.rng, BURST_SHARE));
        match (fails, looping) {
            (true, Some(request)) => Request { cause: Cause::Throttled, ..request },
            (true, None) => self.failure(),
            (false, Some(request)) => request,
            (false, None) if ppm(&mut self.rng, NOTICES_PPM) => self.notice(),
            (false, None) if ppm(&mut self.rng, HSM_PPM) => self.at_hsm(Cause::Success),
            (false, None) if ppm(&mut self.rng, POLLING_PPM) => self.managed(VAULT_GET, self.world.graph),
            (false, None) if ppm(&mut self.rng, CHANGES_PPM) => self.change(),
            (false, None) => self.served(),
        }
    }

    /// A caller at its usual work.
    fn served(&mut self) -> Request {
        let caller = self.world.by_caller.draw(&mut self.rng);
        let operation = self.usual_operation(caller);
        let vault = self.home(caller);
        self.complete(Cause::Success, caller, operation, vault)
    }

    /// An operation that the caller is there for.
    fn usual_operation(&mut self, caller: usize) -> usize {
        let workload = self.world.callers[caller].workload;
        self.by_workload[workload as usize].draw(&mut self.rng)
    }

    /// One of the caller's vaults, the favourite most often.
    fn home(&mut self, caller: usize) -> usize {
        let homes = &self.world.callers[caller].homes;
        let place = below(&mut self.rng, homes.len());
        homes[below(&mut self.rng, place + 1)]
    }

    /// The next failure: often the same caller failing in the same way as before.
    fn failure(&mut self) -> Request {
        let cause = self.deck.deal(&mut self.rng);
        let again = self.last[cause as usize].filter(|_| per_mille(&mut self.rng, REPEATED));
        let request = again.unwrap_or_else(|| match cause {
            Cause::HsmMissingRole => self.at_hsm(cause),
            _ => self.fresh_failure(cause),
        });
        self.last[cause as usize] = Some(request);
        request
    }

    /// Somebody for whom a cause comes up, preferably at their usual work and in a vault of theirs.
    fn fresh_failure(&mut self, cause: Cause) -> Request {
        let mut caller = 0;
        let mut operation = None;
        for _ in 0..TRIES {
            caller = self.world.by_caller.draw(&mut self.rng);
            operation = Some(self.usual_operation(caller)).filter(|&index| cause.fits(&OPERATIONS[index]));
            if operation.is_some() {
                break;
            }
        }
        let operation = operation.unwrap_or_else(|| self.by_cause[cause as usize].draw(&mut self.rng));
        caller = match cause {
            Cause::UnansweredChallenge => one_of(&self.world.strangers, &mut self.rng),
            Cause::FirstPartyDenied => self.world.manager,
            _ => caller,
        };
        let vault = self.vault_for(cause, caller);
        self.complete(cause, caller, operation, vault)
    }

    /// A vault that can fail in this way, if there is one: the caller's own, or else any.
    fn vault_for(&mut self, cause: Cause, caller: usize) -> usize {
        let fits = |&vault: &usize| {
            let vault = &self.world.vaults[vault];
            cause.role_based().is_none_or(|role_based| vault.role_based == role_based)
                && (!cause.is_network() || vault.network != Network::Open)
                && (cause != Cause::PurgeProtected || vault.purge_protected)
        };
        let home = self.world.callers[caller].homes.iter().copied().find(fits);
        let drawn = self.world.by_vault.draw(&mut self.rng);
        home.or_else(|| Some(drawn).filter(fits)).or_else(|| (0..self.world.hsm).find(fits)).unwrap_or(drawn)
    }

    /// A request to the Managed HSM.
    fn at_hsm(&mut self, cause: Cause) -> Request {
        let caller = self.world.by_caller.draw(&mut self.rng);
        let on_keys = &self.by_workload[Workload::Keys as usize];
        let mut operation = on_keys.draw(&mut self.rng);
        while OPERATIONS[operation].family != Family::Key {
            operation = on_keys.draw(&mut self.rng);
        }
        self.complete(cause, caller, operation, self.world.hsm)
    }

    /// A request by way of Resource Manager.
    fn managed(&mut self, operation: usize, caller: usize) -> Request {
        let vault = below(&mut self.rng, self.world.hsm);
        self.complete(Cause::Success, caller, operation, vault)
    }

    /// A change of a vault's settings.
    fn change(&mut self) -> Request {
        let operation = VAULT_CHANGES[below(&mut self.rng, VAULT_CHANGES.len())];
        let operator = one_of(&self.world.operators, &mut self.rng);
        self.managed(operation, operator)
    }

    /// A vault telling of itself.
    fn notice(&mut self) -> Request {
        let operation = NOTICES[below(&mut self.rng, NOTICES.len())];
        let vault = self.world.by_vault.draw(&mut self.rng);
        self.complete(Cause::Notification, self.world.graph, operation, vault)
    }

    /// Settles which object, and from which address.
    fn complete(&mut self, cause: Cause, caller: usize, operation: usize, vault: usize) -> Request {
        let Operation { family, route, .. } = OPERATIONS[operation];
        let private_link = self.world.vaults[vault].network == Network::PrivateLink;
        let private = private_link && OPERATIONS[operation].is_data_plane() && !cause.is_network();
        let addresses = &self.world.callers[caller].addresses;
        let public = addresses.len().saturating_sub(1).max(1);
        Request {
            cause,
            vault,
            caller,
            address: if private { addresses.len() - 1 } else { below(&mut self.rng, public) },
            operation,
            object: self.world.draw_object(family, &mut self.rng),
            versioned: route == Route::Versioned && per_mille(&mut self.rng, 400),
        }
    }
}

/// How many requests in a million fail, so that the failures come to this share of the records: challenges are
/// records too.
fn failures_among_requests(ppm: u32) -> u64 {
    u64::from(ppm) * (1_000 + CHALLENGED) / 1_000
}

/// How often a cause comes up at an operation: not at all where it makes no sense, seldom where nobody works.
fn cause_weight(cause: Cause, operation: &Operation) -> u64 {
    if cause.fits(operation) { operation.weights.iter().sum::<u64>() + 1 } else { 0 }
}

/// One of a range of callers.
fn one_of(range: &Range<usize>, rng: &mut Rng) -> usize {
    range.start + below(rng, range.len())
}
