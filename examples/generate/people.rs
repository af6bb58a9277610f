//! Who calls: users, applications, managed identities, and Azure's own services.
//!
//! In: an organisation and a seed. Out: callers with their claims ready to be written, their addresses
//! and agents.

use fastrand::Rng;

use crate::json::JsonWriter;
use crate::operation::{WORKLOADS, Workload};
use crate::random::{Weighted, below, guid, per_mille, pick};

/// Azure Resource Graph.
const GRAPH_APPID: &str = "509e4652-da8d-478d-a730-e9d4a1996ca4";
/// Azure Resource Manager.
const MANAGER_APPID: &str = "797f4846-ba00-4fd7-ba43-dac1f8f63013";
/// The Azure portal.
const PORTAL_APPID: &str = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c";
/// The portal's page about a vault.
const BLADE_APPID: &str = "3686488a-04fc-4d8a-b967-61f98ec41efe";
/// The Azure CLI.
const CLI_APPID: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
/// Claim that holds the object id on the control plane.
pub(crate) const LONG_OID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
/// Claim that holds the user's name on the control plane.
const LONG_UPN: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
/// Claim that holds the display name on the control plane.
const LONG_NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";

/// Agents of callers that read secrets.
const SECRETS_AGENTS: [&str; 5] = [
    "azsdk-net-Security.KeyVault.Secrets/4.6.0 (.NET 8.0.4; Linux 5.15.0-1061-azure #70-Ubuntu SMP)",
    "azsdk-python-keyvault-secrets/4.8.0 Python/3.11.9 (Linux-5.15.158.2-1.cm2-x86_64-with-glibc2.35)",
    "azsdk-java-azure-security-keyvault-secrets/4.8.2 (17.0.11; Linux; 5.15.0-1064-azure)",
    "azsdk-js-keyvault-secrets/4.8.0 core-rest-pipeline/1.15.2 Node/v20.12.2 OS/(x64-Linux-5.15.0-1061-azure)",
    "azsdk-go-azsecrets/v1.1.0 (go1.22.2; linux) k8s/secrets-store-csi-driver-provider-azure/v1.5.2",
];
/// Agents of callers that use keys.
const KEYS_AGENTS: [&str; 3] = [
    "azsdk-net-Security.KeyVault.Keys/4.6.0 (.NET 8.0.4; Microsoft Windows 10.0.20348)",
    "azsdk-python-keyvault-keys/4.9.0 Python/3.11.9 (Linux-5.15.158.2-1.cm2-x86_64-with-glibc2.35)",
    "azsdk-java-azure-security-keyvault-keys/4.8.2 (17.0.11; Linux; 5.15.0-1064-azure)",
];
/// Agents of callers that serve certificates.
const CERTIFICATES_AGENTS: [&str; 3] = [
    "azsdk-net-Security.KeyVault.Certificates/4.6.0 (.NET 8.0.4; Microsoft Windows 10.0.20348)",
    "azsdk-go-azcertificates/v1.1.0 (go1.22.2; linux)",
    "Microsoft.Azure.KeyVault.Client/3.0.5.0, FxVersion/4.700.22.55902 OSName/Windows",
];
/// Agents of pipelines.
const DEPLOYMENT_AGENTS: [&str; 3] = [
    "HashiCorp Terraform/1.8.2 (+https://www.terraform.io) terraform-provider-azurerm/3.103.1 pid-222c6c49",
    "AZURECLI/2.60.0 (DEB) azsdk-python-core/1.28.0 Python/3.11.8 (Linux-6.5.0-1021-azure-x86_64-with-glibc2.35)",
    "AzurePowershell/v11.6.0 PSVersion/v7.4.2 Az.KeyVault/5.2.2",
];
/// Agents of people.
const BROWSERS: [&str; 2] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1",
];
/// Agents of those who never send a token.
const STRANGERS_AGENTS: [&str; 3] = ["python-requests/2.31.0", "curl/8.5.0", "Go-http-client/1.1"];
/// Given names.
const GIVEN: [&str; 10] =
    ["anna", "bram", "chloe", "dirk", "elif", "farid", "greta", "hugo", "ines", "jonas"];
/// Family names; one with an apostrophe.
const FAMILY: [&str; 8] = ["jansen", "o'brien", "de.vries", "yilmaz", "schmidt", "moreau", "rossi", "novak"];
/// Services that managed identities belong to.
const SERVICES: [&str; 4] = [
    "Microsoft.Web/sites/app",
    "Microsoft.Compute/virtualMachines/vm",
    "Microsoft.ContainerService/managedClusters/aks",
    "Microsoft.App/containerApps/ca",
];

/// What all callers of an organisation share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Organisation<'a> {
    /// Its tenant.
    pub(crate) tenant: &'a str,
    /// Its subscriptions.
    pub(crate) subscriptions: &'a [String],
}

/// Somebody or something that calls.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Object id.
    pub(crate) oid: String,
    /// Application id; many users share one.
    pub(crate) appid: String,
    /// User principal name, if it is a user.
    pub(crate) upn: Option<String>,
    /// The claims as JSON.
    pub(crate) claims: String,
    /// `appid=..;oid=..`, as messages name it.
    pub(crate) clause: String,
    /// Tenant of its token.
    pub(crate) issuer: String,
    /// Number of its groups.
    pub(crate) groups: u64,
    /// Public addresses, and last a private one.
    pub(crate) addresses: Vec<String>,
    /// `clientInfo`.
    pub(crate) agent: &'static str,
    /// `api-version` that it asks for.
    pub(crate) api_version: &'static str,
    /// TLS version.
    pub(crate) tls: &'static str,
    /// What it is there for.
    pub(crate) workload: Workload,
    /// Vaults that it calls, the favourite first.
    pub(crate) homes: Vec<usize>,
}

impl Caller {
    /// An ordinary caller: six in ten are managed identities, a quarter applications, the rest users.
    pub(crate) fn ordinary(index: usize, org: &Organisation, by_vault: &Weighted, rng: &mut Rng) -> Self {
        let oid = guid(rng);
        let addresses = new_addresses(rng);
        let homes = (0..=below(rng, 3)).map(|_| by_vault.draw(rng)).collect();
        let base = match rng.u64(..100) {
            0..60 => managed_identity(index, oid, org, rng),
            60..85 => application(oid, org, rng),
            _ => user(index, oid, &addresses[0], org, rng),
        };
        Self { addresses, homes, ..base }
    }

    /// Azure Resource Graph, which reads every vault's settings all day.
    pub(crate) fn resource_graph(org: &Organisation, rng: &mut Rng) -> Self {
        let agent = "AzureResourceGraph.IngestionWorkerService.global/1.24.1.672";
        Self { api_version: "2023-07-01", ..service(GRAPH_APPID, agent, org, rng) }
    }

    /// Azure Resource Manager, fetching secrets for a deployment.
    pub(crate) fn resource_manager(org: &Organisation, rng: &mut Rng) -> Self {
        let caller = service(MANAGER_APPID, "azure-resource-manager/2.0", org, rng);
        let claims = short_claims(&caller.oid, &caller.appid, |_| {});
        let clause = format!("name=ARM;tid={};{}", org.tenant, caller.clause);
        Self { claims, clause, api_version: "2016-10-01", ..caller }
    }

    /// Somebody who changes vaults in the portal.
    pub(crate) fn operator(index: usize, org: &Organisation, rng: &mut Rng) -> Self {
        let oid = guid(rng);
        let upn = user_name(index, rng);
        let mut json = JsonWriter::default();
        json.start();
        json.string(LONG_OID, &oid);
        json.string(LONG_UPN, &upn);
        json.string(LONG_NAME, &upn);
        json.string("appid", PORTAL_APPID);
        let claims = json.finish().to_owned();
        let addresses = new_addresses(rng);
        Self {
            upn: Some(upn),
            addresses,
            agent: BROWSERS[0],
            api_version: "2023-07-01",
            ..new_caller(oid, PORTAL_APPID, claims, org)
        }
    }

    /// A client that never sends a token, from an address and with an agent that nobody else has.
    pub(crate) fn stranger(index: usize) -> Self {
        let nobody = Organisation { tenant: "", subscriptions: &[] };
        Self {
            addresses: vec![format!("203.0.113.{index}")],
            agent: STRANGERS_AGENTS[index % STRANGERS_AGENTS.len()],
            ..new_caller(String::new(), "", String::new(), &nobody)
        }
    }
}

/// A caller with nothing remarkable about it.
fn new_caller(oid: String, appid: &str, claims: String, org: &Organisation) -> Caller {
    Caller {
        clause: format!("appid={appid};oid={oid}"),
        oid,
        appid: appid.to_owned(),
        upn: None,
        claims,
        issuer: org.tenant.to_owned(),
        groups: 0,
        addresses: Vec::new(),
        agent: "",
        api_version: "7.4",
        tls: "TLS1_3",
        workload: Workload::Deployment,
        homes: Vec::new(),
    }
}

/// One of Azure's own services, with the claims of the control plane.
fn service(appid: &str, agent: &'static str, org: &Organisation, rng: &mut Rng) -> Caller {
    let oid = guid(rng);
    let mut json = JsonWriter::default();
    json.start();
    json.string(LONG_OID, &oid);
    json.string("appid", appid);
    let claims = json.finish().to_owned();
    Caller { addresses: new_addresses(rng), agent, ..new_caller(oid, appid, claims, org) }
}

/// A managed identity, of a resource or on its own.
fn managed_identity(index: usize, oid: String, org: &Organisation, rng: &mut Rng) -> Caller {
    let appid = guid(rng);
    let subscription = &org.subscriptions[index % org.subscriptions.len()];
    let group = format!("/subscriptions/{subscription}/resourcegroups/rg-workload-{:02}", index % 20);
    let resource = format!("{group}/providers/{}-{index:04}", pick(rng, &SERVICES));
    let of_resource = per_mille(rng, 600);
    let claims = short_claims(&oid, &appid, |json| {
        json.string("appidacr", "2");
        if of_resource {
            json.string("xms_mirid", &resource);
        } else {
            let own =
                format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-{index:04}");
            json.string("xms_mirid", &own);
            json.string("xms_az_rid", &resource);
        }
        json.raw("xms_az_nwperimid", "[]");
        json.string("idtyp", "app");
    });
    workload(new_caller(oid, &appid, claims, org), rng)
}

/// An application with a secret or a certificate of its own.
fn application(oid: String, org: &Organisation, rng: &mut Rng) -> Caller {
    let appid = guid(rng);
    let credential = pick(rng, &["1", "2"]);
    let claims = short_claims(&oid, &appid, |json| {
        json.string("appidacr", credential);
        json.raw("xms_az_nwperimid", "[]");
        json.string("idtyp", "app");
    });
    workload(new_caller(oid, &appid, claims, org), rng)
}

/// A user in the portal or at a command line.
fn user(index: usize, oid: String, address: &str, org: &Organisation, rng: &mut Rng) -> Caller {
    let upn = user_name(index, rng);
    let in_portal = per_mille(rng, 500);
    let appid = if in_portal { BLADE_APPID } else { CLI_APPID };
    let claims = short_claims(&oid, appid, |json| {
        json.string("scp", "user_impersonation");
        json.string("appidacr", "0");
        json.raw("xms_az_nwperimid", "[]");
        json.string("upn", &upn);
        json.string("ipaddr", address);
        json.string("unique_name", &upn);
        json.string("amr", "pwd");
    });
    let browser = pick(rng, &[BLADE_APPID, BROWSERS[0], BROWSERS[1]]);
    Caller {
        upn: Some(upn),
        groups: rng.u64(1..30),
        agent: if in_portal { browser } else { DEPLOYMENT_AGENTS[1] },
        tls: if in_portal { "TLS1_3" } else { "TLS1_2" },
        ..new_caller(oid, appid, claims, org)
    }
}

/// Gives an application or identity something to do and the library to do it with.
fn workload(caller: Caller, rng: &mut Rng) -> Caller {
    let workload = WORKLOADS[Weighted::new([60, 18, 8, 14]).draw(rng)];
    let agents: &[&'static str] = match workload {
        Workload::Secrets => &SECRETS_AGENTS,
        Workload::Keys => &KEYS_AGENTS,
        Workload::Certificates => &CERTIFICATES_AGENTS,
        Workload::Deployment => &DEPLOYMENT_AGENTS,
    };
    Caller {
        workload,
        agent: agents[below(rng, agents.len())],
        api_version: ["7.3", "7.4", "7.5", "2025-07-01"][below(rng, 4)],
        tls: ["TLS1_2", "TLS1_3"][below(rng, 2)],
        ..caller
    }
}

/// Claims of the data plane: the two ids, then whatever else.
fn short_claims(oid: &str, appid: &str, others: impl FnOnce(&mut JsonWriter)) -> String {
    let mut json = JsonWriter::default();
    json.start();
    json.string("oid", oid);
    json.string("appid", appid);
    others(&mut json);
    json.finish().to_owned()
}

/// A name that no other user has.
fn user_name(index: usize, rng: &mut Rng) -> String {
    format!("{}.{}{index}@contoso.com", pick(rng, &GIVEN), pick(rng, &FAMILY))
}

/// One to three public addresses, and last a private one.
fn new_addresses(rng: &mut Rng) -> Vec<String> {
    let mut addresses = Vec::new();
    for _ in 0..=below(rng, 3) {
        let network = pick(rng, &["20", "40", "52", "104", "13"]);
        addresses.push(format!("{network}.{}.{}.{}", rng.u64(..256), rng.u64(..256), rng.u64(1..255)));
    }
    addresses.push(format!("10.{}.{}.{}", rng.u64(..32), rng.u64(..256), rng.u64(4..255)));
    addresses
}
