//! Why a record is what it is: the truth that the generator starts from.
//!
//! In: nothing. Out: the causes with their ids, status codes and frequencies, and which operations and
//! vaults each can happen to.

use fastrand::Rng;

use crate::operation::{Family, Operation, Route};
use crate::random::{pick, shuffle};

/// Declares the causes with their ids and how many cards of a hundred they are dealt among the failures.
macro_rules! causes {
    ($($variant:ident $id:literal $cards:literal $doc:literal),+ $(,)?) => {
        /// The one cause of a record.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Cause {
            $(#[doc = $doc] $variant),+
        }

        impl Cause {
            /// Every cause.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            /// The id in the truth file.
            pub(crate) fn id(self) -> &'static str {
                match self { $(Self::$variant => $id),+ }
            }

            /// How often it is dealt among the failures.
            fn cards(self) -> usize {
                match self { $(Self::$variant => $cards),+ }
            }
        }
    };
}

causes! {
    Success "success" 0 "Served.",
    Notification "notification" 0 "No request: the vault tells of itself.",
    AuthChallenge "auth-challenge" 0 "A request without a token that the client repeats with one.",
    UnansweredChallenge "unanswered-challenge" 4 "A request without a token that nobody repeats.",
    ExpiredToken "expired-token" 4 "The token has expired.",
    TokenNotYetValid "token-not-yet-valid" 1 "The token is for later.",
    WrongAudience "wrong-audience" 3 "The token is for another service.",
    WrongIssuer "wrong-issuer" 3 "The token is from another tenant.",
    UnknownSigningKey "unknown-signing-key" 1 "The token's signature cannot be checked.",
    ClaimsChallenge "claims-challenge" 1 "The token's session was revoked.",
    Unauthorized "unauthorized" 2 "Refused, and the log does not say why.",
    MissingPolicy "missing-policy" 12 "No access policy grants the permission.",
    OboRequired "obo-required" 1 "The access policy wants an application on behalf of a user.",
    MissingRole "missing-role" 12 "No role assignment grants the action.",
    DenyAssignment "deny-assignment" 1 "A deny assignment forbids the action.",
    UnauthorizedClientAddress "unauthorized-client-address" 6 "The firewall refuses the address.",
    PublicAccessDisabled "public-access-disabled" 3 "Only private links are let in.",
    PerimeterDenied "perimeter-denied" 1 "The network security perimeter refuses.",
    FirstPartyDenied "first-party-denied" 1 "The vault is not open to this service of Azure.",
    ObjectDisabled "object-disabled" 3 "The object is disabled.",
    KeyOperationForbidden "key-operation-forbidden" 1 "The key is not for this operation.",
    KeyOutsideValidity "key-outside-validity" 1 "The key is expired or not valid yet.",
    PurgeProtected "purge-protected" 1 "The vault does not let anybody purge.",
    HsmMissingRole "hsm-missing-role" 2 "No role of the Managed HSM grants the action.",
    AzurePolicyDenied "azure-policy-denied" 1 "Azure Policy forbids such an object.",
    Forbidden "forbidden" 2 "Forbidden, and the log does not say why.",
    NotFound "not-found" 16 "There is no such object.",
    NameSoftDeleted "name-soft-deleted" 2 "The name belongs to a deleted object.",
    ObjectBeingDeleted "object-being-deleted" 1 "The object is on its way out.",
    RestoreConflict "restore-conflict" 1 "The name to restore is taken.",
    Conflict "conflict" 1 "A conflict, and the log does not say which.",
    Throttled "throttled" 5 "Too many requests.",
    BadRequest "bad-request" 2 "The request makes no sense.",
    ArmRoleDenied "arm-role-denied" 1 "Resource Manager was refused on behalf of the caller.",
    ServiceError "service-error" 3 "Key Vault itself failed.",
    ClientError "client-error" 1 "Another error of the client.",
}

impl Cause {
    /// Whether it counts as a failure in the truth.
    pub(crate) fn is_failure(self) -> bool {
        !matches!(self, Self::Success | Self::Notification | Self::AuthChallenge)
    }

    /// Whether the token, or the lack of one, is at fault: status 401.
    pub(crate) fn is_token(self) -> bool {
        matches!(
            self,
            Self::AuthChallenge
                | Self::UnansweredChallenge
                | Self::ExpiredToken
                | Self::TokenNotYetValid
                | Self::WrongAudience
                | Self::WrongIssuer
                | Self::UnknownSigningKey
                | Self::ClaimsChallenge
                | Self::Unauthorized
        )
    }

    /// Whether the record names its caller: not without a token, nor with one that nobody could check.
    pub(crate) fn names_caller(self) -> bool {
        !matches!(
            self,
            Self::Notification
                | Self::AuthChallenge
                | Self::UnansweredChallenge
                | Self::WrongIssuer
                | Self::UnknownSigningKey
        )
    }

    /// Whether the network refuses, before any permission is looked at.
    pub(crate) fn is_network(self) -> bool {
        matches!(self, Self::UnauthorizedClientAddress | Self::PublicAccessDisabled | Self::PerimeterDenied)
    }

    /// Whether the permission model that refuses is role-based; `None` where either may be in force.
    pub(crate) fn role_based(self) -> Option<bool> {
        match self {
            Self::MissingPolicy | Self::OboRequired => Some(false),
            Self::MissingRole | Self::DenyAssignment | Self::ArmRoleDenied => Some(true),
            _ => None,
        }
    }

    /// The status of a failure.
    pub(crate) fn status(self, rng: &mut Rng) -> u64 {
        match self {
            Self::Success | Self::Notification => 200,
            Self::BadRequest | Self::ArmRoleDenied => 400,
            Self::NotFound => 404,
            Self::NameSoftDeleted | Self::ObjectBeingDeleted | Self::RestoreConflict | Self::Conflict => 409,
            Self::Throttled => 429,
            Self::ServiceError => pick(rng, &[500, 503, 500, 502, 504]),
            Self::ClientError => pick(rng, &[405, 408]),
            cause if cause.is_token() => 401,
            _ => 403,
        }
    }

    /// Whether it can happen to an operation at a vault's own address.
    pub(crate) fn fits(self, operation: &Operation) -> bool {
        let on_object = matches!(operation.route, Route::Versioned | Route::Object | Route::Post(_));
        let uses_key = operation.family == Family::Key && operation.action.ends_with("/action") && on_object;
        operation.is_data_plane()
            && match self {
                Self::ObjectDisabled => {
                    on_object && operation.permission == "get" && operation.family != Family::Certificate
                }
                Self::KeyOperationForbidden => {
                    uses_key && !operation.writes() && operation.permission != "backup"
                }
                Self::KeyOutsideValidity => matches!(operation.permission, "sign" | "encrypt" | "wrapKey"),
                Self::PurgeProtected => operation.permission == "purge",
                Self::AzurePolicyDenied | Self::NameSoftDeleted => operation.creates(),
                Self::NotFound => on_object && !operation.creates(),
                Self::ObjectBeingDeleted => operation.permission == "delete" || operation.creates(),
                Self::RestoreConflict => operation.route == Route::Restore,
                Self::Conflict => operation.writes(),
                Self::ArmRoleDenied => operation.family == Family::Key && operation.route == Route::Create,
                Self::FirstPartyDenied => operation.permission == "get" && operation.family == Family::Secret,
                _ => true,
            }
    }
}

/// The failures to come, dealt like cards: within a hundred, every cause comes up.
#[derive(Debug, Default)]
pub(crate) struct Deck {
    /// Cards not yet dealt.
    cards: Vec<Cause>,
}

impl Deck {
    /// The next failure.
    pub(crate) fn deal(&mut self, rng: &mut Rng) -> Cause {
        loop {
            if let Some(cause) = self.cards.pop() {
                return cause;
            }
            for &cause in Cause::ALL {
                self.cards.extend(std::iter::repeat_n(cause, cause.cards()));
            }
            shuffle(rng, &mut self.cards);
        }
    }
}
