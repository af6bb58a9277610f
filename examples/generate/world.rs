//! The organisation whose logs these are: its vaults with their objects, and everybody who calls them.
//!
//! In: how many of each, and a seed. Out: a [`World`] that never changes during the run. The first vault,
//! caller or object of a list is the busiest.

use std::ops::Range;

use fastrand::Rng;

use crate::cli::Plan;
use crate::operation::Family;
use crate::people::{Caller, Organisation};
use crate::random::{Weighted, guid, per_mille, pick, version};

/// Subscriptions of the organisation.
const SUBSCRIPTIONS: usize = 4;
/// Other tenants whose tokens stray here.
const FOREIGN_TENANTS: usize = 3;
/// Secrets, keys and certificates of a vault.
const OBJECTS: [usize; 3] = [40, 12, 10];
/// People who change vaults in the portal.
const OPERATORS: usize = 4;
/// Clients that never send a token.
const STRANGERS: usize = 6;

/// Teams, as resource groups and vaults are named after them.
const TEAMS: [&str; 12] = [
    "payments",
    "orders",
    "identity",
    "billing",
    "search",
    "logistics",
    "platform",
    "datalake",
    "fraud",
    "crm",
    "mobile",
    "web",
];
/// Stages.
const STAGES: [&str; 5] = ["prd", "prd", "acc", "tst", "dev"];
/// Regions.
const REGIONS: [&str; 4] = ["westeurope", "northeurope", "eastus2", "southeastasia"];
/// What secrets are for.
const SECRETS: [&str; 10] = [
    "db-connection",
    "api-key",
    "servicebus-connection",
    "storage-sas",
    "jwt-signing-secret",
    "smtp-password",
    "redis-password",
    "oauth-client-secret",
    "webhook-token",
    "encryption-passphrase",
];
/// What keys are for.
const KEYS: [&str; 6] =
    ["data-encryption", "token-signing", "storage-cmk", "sql-tde", "document-signing", "envelope"];
/// What certificates are for.
const CERTIFICATES: [&str; 5] = ["gateway-tls", "api-tls", "mtls-client", "saml-signing", "wildcard"];
/// Type and size of keys.
const KEY_KINDS: [(&str, u64); 6] =
    [("RSA", 2048), ("RSA", 2048), ("RSA", 3072), ("RSA", 4096), ("EC", 256), ("RSA-HSM", 2048)];

/// What stands between a vault and its callers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Network {
    /// Nothing.
    Open,
    /// A list of public addresses.
    Firewall,
    /// A service endpoint.
    Subnet,
    /// A private endpoint.
    PrivateLink,
}

/// A secret, key or certificate.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its name.
    pub(crate) name: String,
    /// Its latest version.
    pub(crate) version: String,
    /// Type of its key.
    pub(crate) key_type: &'static str,
    /// Size of its key in bits.
    pub(crate) key_size: u64,
}

/// A vault, or the Managed HSM.
#[derive(Debug)]
pub(crate) struct Vault {
    /// Its name as it was created.
    pub(crate) name: String,
    /// Its address without the path, such as `https://name.vault.azure.net`.
    pub(crate) address: String,
    /// `resourceId`, upper case.
    pub(crate) resource_id: String,
    /// The same as Resource Manager takes it in addresses.
    pub(crate) management_path: String,
    /// Its resource group.
    pub(crate) resource_group: String,
    /// Its region.
    pub(crate) region: &'static str,
    /// Whether roles decide, not access policies.
    pub(crate) role_based: bool,
    /// Whether purging is impossible.
    pub(crate) purge_protected: bool,
    /// What stands before it.
    pub(crate) network: Network,
    /// The subnet or private endpoint by which callers come, if there is one.
    pub(crate) entrance: String,
    /// Its secrets, keys and certificates.
    objects: [Vec<Object>; 3],
}

impl Vault {
    /// One of its objects; of the vault itself, a secret.
    pub(crate) fn object(&self, family: Family, index: usize) -> &Object {
        let objects = &self.objects[shelf(family)];
        &objects[index % objects.len()]
    }
}

/// Everything that stays the same during a run.
#[derive(Debug)]
pub(crate) struct World {
    /// The organisation's tenant.
    pub(crate) tenant: String,
    /// Other tenants.
    pub(crate) foreign_tenants: Vec<String>,
    /// The vaults, and after them the Managed HSM.
    pub(crate) vaults: Vec<Vault>,
    /// Index of the Managed HSM.
    pub(crate) hsm: usize,
    /// The ordinary callers, and after them the special ones.
    pub(crate) callers: Vec<Caller>,
    /// Azure Resource Graph, which polls vaults.
    pub(crate) graph: usize,
    /// Azure Resource Manager as a caller of its own.
    pub(crate) manager: usize,
    /// People who change vaults in the portal.
    pub(crate) operators: Range<usize>,
    /// Clients that never send a token.
    pub(crate) strangers: Range<usize>,
    /// Draws a vault.
    pub(crate) by_vault: Weighted,
    /// Draws an ordinary caller.
    pub(crate) by_caller: Weighted,
    /// Draws an object, by family.
    by_object: [Weighted; 3],
}

impl World {
    /// Founds the organisation.
    pub(crate) fn new(plan: &Plan, rng: &mut Rng) -> Self {
        let tenant = guid(rng);
        let subscriptions: Vec<String> = (0..SUBSCRIPTIONS).map(|_| guid(rng)).collect();
        let mut vaults: Vec<Vault> =
            (0..plan.vaults).map(|index| new_vault(index, &subscriptions, rng)).collect();
        vaults.push(new_hsm(&subscriptions, rng));
        let by_vault = Weighted::zipf(plan.vaults);
        let organisation = Organisation { tenant: &tenant, subscriptions: &subscriptions };
        let mut callers: Vec<Caller> =
            (0..plan.callers).map(|index| Caller::ordinary(index, &organisation, &by_vault, rng)).collect();
        let graph = callers.len();
        callers.push(Caller::resource_graph(&organisation, rng));
        let manager = callers.len();
        callers.push(Caller::resource_manager(&organisation, rng));
        let operators = callers.len()..callers.len() + OPERATORS;
        callers.extend((0..OPERATORS).map(|index| Caller::operator(index, &organisation, rng)));
        let strangers = callers.len()..callers.len() + STRANGERS;
        callers.extend((1..=STRANGERS).map(Caller::stranger));
        Self {
            foreign_tenants: (0..FOREIGN_TENANTS).map(|_| guid(rng)).collect(),
            hsm: plan.vaults,
            by_caller: Weighted::zipf(plan.callers),
            by_object: OBJECTS.map(Weighted::zipf),
            tenant,
            vaults,
            callers,
            graph,
            manager,
            operators,
            strangers,
            by_vault,
        }
    }

    /// Draws an object of a family, by index.
    pub(crate) fn draw_object(&self, family: Family, rng: &mut Rng) -> usize {
        self.by_object[shelf(family)].draw(rng)
    }
}

/// Where the objects of a family are.
fn shelf(family: Family) -> usize {
    match family {
        Family::Secret | Family::Vault => 0,
        Family::Key => 1,
        Family::Certificate => 2,
    }
}

/// Builds a vault. The first few have what failures need: both permission models, and networks that refuse.
fn new_vault(index: usize, subscriptions: &[String], rng: &mut Rng) -> Vault {
    let team = pick(rng, &TEAMS);
    let stage = pick(rng, &STAGES);
    let name = format!("kv-{team}-{stage}-{index:03}");
    let name = if per_mille(rng, 300) { name.replace("kv-", "KV-") } else { name };
    let network = match index {
        1 => Network::Firewall,
        2 => Network::PrivateLink,
        _ => pick(
            rng,
            &[Network::Open, Network::Open, Network::Firewall, Network::Subnet, Network::PrivateLink],
        ),
    };
    let resource_group = format!("rg-{team}-{stage}");
    let subscription = &subscriptions[index % subscriptions.len()];
    let group_path = format!("/subscriptions/{subscription}/resourceGroups/{resource_group}");
    let management_path = format!("{group_path}/providers/Microsoft.KeyVault/vaults/{name}");
    let entrance = match network {
        Network::Open | Network::Firewall => String::new(),
        Network::Subnet => {
            format!("{group_path}/providers/Microsoft.Network/virtualNetworks/vnet-{team}/subnets/apps")
        }
        Network::PrivateLink => {
            format!("{group_path}/providers/Microsoft.Network/privateEndpoints/pe-{team}-kv")
        }
    };
    Vault {
        address: format!("https://{}.vault.azure.net", name.to_lowercase()),
        resource_id: management_path.to_uppercase(),
        management_path,
        resource_group,
        region: pick(rng, &REGIONS),
        role_based: index.is_multiple_of(2),
        purge_protected: index == 0 || per_mille(rng, 500),
        network,
        entrance,
        objects: new_objects(team, rng),
        name,
    }
}

/// Builds the Managed HSM.
fn new_hsm(subscriptions: &[String], rng: &mut Rng) -> Vault {
    let name = "mhsm-platform-prd".to_owned();
    let resource_group = "rg-platform-prd".to_owned();
    let management_path = format!(
        "/subscriptions/{}/resourceGroups/{resource_group}/providers/Microsoft.KeyVault/managedHSMs/{name}",
        subscriptions[0]
    );
    Vault {
        address: format!("https://{name}.managedhsm.azure.net"),
        resource_id: management_path.to_uppercase(),
        management_path,
        resource_group,
        region: REGIONS[0],
        role_based: true,
        purge_protected: true,
        network: Network::Open,
        entrance: String::new(),
        objects: new_objects("platform", rng),
        name,
    }
}

/// Fills a vault.
fn new_objects(team: &str, rng: &mut Rng) -> [Vec<Object>; 3] {
    let uses: [&[&str]; 3] = [&SECRETS, &KEYS, &CERTIFICATES];
    [0, 1, 2].map(|shelf| {
        (0..OBJECTS[shelf])
            .map(|index| {
                let (key_type, key_size) = pick(rng, &KEY_KINDS);
                Object {
                    name: format!("{team}-{}-{index:02}", pick(rng, uses[shelf])),
                    version: version(rng),
                    key_type,
                    key_size,
                }
            })
            .collect()
    })
}
