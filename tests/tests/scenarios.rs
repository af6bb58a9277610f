//! The labelled scenarios. A label is written from what the scenario is, never from what the tool says.

mod known;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Label;
use crate::log::{challenge, record, resource_id};

/// One scenario with its answer.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) records: Vec<Value>,
    pub(crate) directory: Option<Value>,
    pub(crate) policies: Option<Value>,
    pub(crate) expected: BTreeSet<Label>,
}

const CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const PORTAL: &str = "3686488a-04fc-4d8a-b967-61f98ec41efe";
const GRAPH: &str = "509e4652-da8d-478d-a730-e9d4a1996ca4";

fn app(oid: &str, appid: &str) -> Value {
    json!({"oid": oid, "appid": appid, "appidacr": "1", "idtyp": "app"})
}

fn app_of(oid: &str, appid: &str, tenant: &str) -> Value {
    let mut claims = app(oid, appid);
    claims["iss"] = json!(format!("https://sts.windows.net/{tenant}/"));
    claims
}

fn named(oid: &str, appid: &str, name: &str) -> Value {
    let mut claims = app(oid, appid);
    claims["name"] = json!(name);
    claims
}

fn identity(oid: &str, group: &str, name: &str) -> Value {
    let path = format!(
        "/subscriptions/s-1/resourcegroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    );
    json!({"oid": oid, "appid": format!("app-of-{oid}"), "appidacr": "2", "xms_mirid": path, "idtyp": "app"})
}

fn slot(oid: &str, site: &str) -> Value {
    let path =
        format!("/subscriptions/s-1/resourcegroups/rg/providers/Microsoft.Web/sites/{site}/slots/staging");
    json!({"oid": oid, "appid": format!("app-of-{oid}"), "appidacr": "2", "xms_mirid": path, "idtyp": "app"})
}

fn person(oid: &str, upn: &str, client: &str) -> Value {
    json!({"oid": oid, "appid": client, "scp": "user_impersonation", "appidacr": "0", "upn": upn, "unique_name": upn})
}

/// A record of a vault, a caller and an operation.
fn call(second: u32, vault: &str, claims: &Value, operation: &str) -> Value {
    let mut record = record(second);
    record["resourceId"] = json!(resource_id(&vault.to_uppercase()));
    record["identity"] = json!({ "claim": claims });
    record["operationName"] = json!(operation);
    record["properties"]["id"] = json!(format!("https://{vault}.vault.azure.net/secrets/db/0123"));
    record["properties"]["requestUri"] =
        json!(format!("https://{vault}.vault.azure.net/secrets/db?api-version=7.5"));
    record["correlationId"] = json!(format!("c-{second}-{}", claims["oid"].as_str().unwrap_or_default()));
    record
}

fn ok(second: u32, vault: &str, claims: &Value) -> Value {
    call(second, vault, claims, "SecretGet")
}

fn status(mut record: Value, status: u16, message: &str) -> Value {
    record["properties"]["httpStatusCode"] = json!(status);
    record["resultSignature"] = json!(if status == 403 { "Forbidden" } else { "Unauthorized" });
    record["resultDescription"] = json!(message);
    record
}

fn no_policy_for(second: u32, vault: &str, claims: &Value, operation: &str, permission: &str) -> Value {
    let (oid, appid) = (claims["oid"].as_str().unwrap(), claims["appid"].as_str().unwrap());
    let tenant = claims["iss"].as_str().unwrap_or("https://sts.windows.net/t-1/");
    let message = format!(
        "The user, group or application 'appid={appid};oid={oid};iss={tenant}' does not have {permission} permission on key vault '{vault};location=westeurope'."
    );
    status(call(second, vault, claims, operation), 403, &message)
}

fn no_policy(second: u32, vault: &str, claims: &Value) -> Value {
    no_policy_for(second, vault, claims, "SecretGet", "secrets get")
}

fn no_role(second: u32, vault: &str, claims: &Value) -> Value {
    let (oid, appid) = (claims["oid"].as_str().unwrap(), claims["appid"].as_str().unwrap());
    let message = format!(
        "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: appid={appid};oid={oid};iss=https://sts.windows.net/t-1/\r\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nResource: '/subscriptions/s-1'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\nVault: {vault};location=westeurope\r\n"
    );
    let mut record = status(call(second, vault, claims, "SecretGet"), 403, &message);
    record["properties"]["isRbacAuthorized"] = json!(false);
    record
}

fn firewall(second: u32, vault: &str, claims: &Value) -> Value {
    status(
        call(second, vault, claims, "SecretGet"),
        403,
        "Client address is not authorized and caller is not a trusted service.\r\nClient address: 203.0.113.7\r\nCaller: appid=a\r\nVault: kv-a",
    )
}

fn change(second: u32, vault: &str, operation: &str) -> Value {
    call(second, vault, &app("o-pipeline", "a-pipeline"), operation)
}

fn from(mut record: Value, address: &str, agent: &str) -> Value {
    record["callerIpAddress"] = json!(address);
    record["properties"]["clientInfo"] = json!(agent);
    record
}

fn many(seconds: impl IntoIterator<Item = u32>, record: impl Fn(u32) -> Value) -> Vec<Value> {
    seconds.into_iter().map(record).collect()
}

struct Set(Vec<Scenario>);

impl Set {
    fn add(
        &mut self,
        name: &'static str,
        records: impl IntoIterator<Item = Vec<Value>>,
        expected: &[(&str, &str, &str)],
    ) -> &mut Scenario {
        let expected = expected
            .iter()
            .map(|(code, vault, oid)| ((*code).to_owned(), (*vault).to_owned(), (*oid).to_owned()))
            .collect();
        let mut records: Vec<Value> = records.into_iter().flatten().collect();
        records.sort_by(|one, other| one["time"].as_str().cmp(&other["time"].as_str()));
        self.0.push(Scenario { name, records, directory: None, policies: None, expected });
        self.0.last_mut().unwrap()
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Scenario> {
    let mut set = Set(Vec::new());
    twins(&mut set);
    other_tenants(&mut set);
    same_names(&mut set);
    no_twins(&mut set);
    over_time(&mut set);
    redeployments(&mut set);
    clients(&mut set);
    known::directories(&mut set);
    known::grants(&mut set);
    set.0
}

fn twins(set: &mut Set) {
    let (one, two) = (identity("o-1", "rg-prod", "id-a"), identity("o-2", "rg-dev", "id-a"));
    set.add(
        "wrong twin by policy",
        vec![
            many([10, 700, 1400], |s| no_policy(s, "kv-a", &one)),
            many([5, 600, 1500], |s| ok(s, "kv-a", &two)),
        ],
        &[("wrong-twin", "kv-a", "o-1")],
    );
    set.add(
        "wrong twin by role",
        vec![
            many([10, 700, 1400], |s| no_role(s, "kv-a", &one)),
            many([5, 600, 1500], |s| ok(s, "kv-a", &two)),
        ],
        &[("wrong-twin", "kv-a", "o-1")],
    );
    set.add(
        "wrong twin, granted much later",
        vec![
            many([10, 700, 1400], |s| no_role(s, "kv-a", &one)),
            many([5, 9000], |s| ok(s, "kv-a", &two)),
            vec![ok(9100, "kv-a", &one)],
        ],
        &[("wrong-twin", "kv-a", "o-1")],
    );
    let (bare, other) = (named("o-1", "a-1", "orders"), named("o-2", "a-2", "Orders"));
    set.add(
        "wrong twin of applications by name",
        vec![many([10, 1400], |s| no_policy(s, "kv-a", &bare)), many([5, 1500], |s| ok(s, "kv-a", &other))],
        &[("wrong-twin", "kv-a", "o-1")],
    );
    set.add(
        "wrong twin on one of two vaults",
        vec![
            many([10, 1400], |s| no_policy(s, "kv-a", &one)),
            many([11, 1401], |s| ok(s, "kv-b", &one)),
            many([5, 1500], |s| ok(s, "kv-a", &two)),
        ],
        &[("wrong-twin", "kv-a", "o-1")],
    );
    let (old, new) = (identity("o-1", "rg", "id-a"), identity("o-2", "rg", "id-a"));
    set.add(
        "identity made again",
        vec![many([10, 600], |s| ok(s, "kv-a", &old)), many([1200, 2400], |s| no_policy(s, "kv-a", &new))],
        &[("recreated-identity", "kv-a", "o-2")],
    );
    set.add(
        "identity made again and granted",
        vec![many([10, 600], |s| ok(s, "kv-a", &old)), many([1200, 2400], |s| ok(s, "kv-a", &new))],
        &[("recreated-identity", "-", "-")],
    );
    let (before, after) = (person("o-1", "ann@t.example", CLI), person("o-2", "ann@t.example", PORTAL));
    set.add(
        "a person's account made again",
        vec![
            many([10, 600], |s| ok(s, "kv-a", &before)),
            many([1200, 2400], |s| no_policy(s, "kv-a", &after)),
        ],
        &[("recreated-identity", "kv-a", "o-2")],
    );
    set.add(
        "application registered again",
        vec![many([10, 600], |s| ok(s, "kv-a", &bare)), many([1200, 2400], |s| no_role(s, "kv-a", &other))],
        &[("recreated-identity", "kv-a", "o-2")],
    );
}

fn other_tenants(set: &mut Set) {
    let (home, away) = (app_of("o-1", "a-1", "t-1"), app_of("o-2", "a-1", "t-2"));
    set.add(
        "one application in two tenants, one denied",
        vec![many([10, 600], |s| ok(s, "kv-a", &home)), many([20, 620], |s| no_policy(s, "kv-a", &away))],
        &[("multi-tenant-twin", "kv-a", "o-2")],
    );
    set.add(
        "one application in two tenants, on their own vaults",
        vec![many([10, 600], |s| ok(s, "kv-a", &home)), many([20, 620], |s| ok(s, "kv-b", &away))],
        &[("multi-tenant-twin", "-", "-")],
    );
    let (member, guest) = (
        person("o-1", "ann@outside.example", CLI),
        person("o-2", "ann_outside.example#EXT#@t.example", PORTAL),
    );
    set.add(
        "member and guest, the guest denied",
        vec![many([10, 600], |s| ok(s, "kv-a", &member)), many([20, 620], |s| no_policy(s, "kv-a", &guest))],
        &[("guest-twin", "kv-a", "o-2")],
    );
    let account = person("o-3", "live.com#ann@outside.example", PORTAL);
    set.add(
        "member and guest, nobody denied",
        vec![many([10, 600], |s| ok(s, "kv-a", &member)), many([20, 620], |s| ok(s, "kv-b", &account))],
        &[("guest-twin", "-", "-")],
    );
}

fn same_names(set: &mut Set) {
    let (one, two) = (identity("o-1", "rg-prod", "id-a"), identity("o-2", "rg-dev", "id-a"));
    set.add(
        "same name in two groups",
        vec![many([10, 600], |s| ok(s, "kv-a", &one)), many([20, 620], |s| ok(s, "kv-b", &two))],
        &[("same-name", "-", "-")],
    );
    set.add(
        "namesake of another vault",
        vec![many([10, 1400], |s| no_policy(s, "kv-a", &one)), many([20, 1420], |s| ok(s, "kv-b", &two))],
        &[("same-name", "-", "-")],
    );
    set.add(
        "chosen, but without this permission",
        vec![
            many([10, 1400], |s| no_policy_for(s, "kv-a", &one, "SecretSet", "secrets set")),
            many([11, 1401], |s| ok(s, "kv-a", &one)),
            many([5, 1500], |s| call(s, "kv-a", &two, "SecretSet")),
        ],
        &[("same-name", "-", "-")],
    );
    set.add(
        "namesake stopped by the firewall",
        vec![many([10, 1400], |s| firewall(s, "kv-a", &one)), many([5, 1500], |s| ok(s, "kv-a", &two))],
        &[("same-name", "-", "-")],
    );
}

fn no_twins(set: &mut Set) {
    set.add(
        "many people behind the Azure CLI",
        vec![
            many([10, 20], |s| ok(s, "kv-a", &person("o-1", "ann@t.example", CLI))),
            many([15, 25], |s| no_policy(s, "kv-a", &person("o-2", "bob@t.example", CLI))),
            many([16, 26], |s| ok(s, "kv-a", &person("o-3", "eve@t.example", CLI))),
        ],
        &[],
    );
    set.add(
        "many people behind the portal, without names",
        vec![
            many([10, 20], |s| ok(s, "kv-a", &json!({"oid": "o-1", "appid": PORTAL}))),
            many([15, 25], |s| no_policy(s, "kv-a", &json!({"oid": "o-2", "appid": PORTAL}))),
        ],
        &[],
    );
    set.add(
        "many people behind an own client",
        vec![
            many([10, 20], |s| ok(s, "kv-a", &person("o-1", "ann@t.example", "a-own"))),
            many([15, 25], |s| no_policy(s, "kv-a", &person("o-2", "bob@t.example", "a-own"))),
        ],
        &[],
    );
    set.add(
        "one person from many addresses and clients",
        vec![
            many([10], |s| from(ok(s, "kv-a", &person("o-1", "ann@t.example", CLI)), "203.0.113.1", "cli")),
            many([20], |s| {
                from(ok(s, "kv-a", &person("o-1", "ann@t.example", PORTAL)), "203.0.113.2", "web")
            }),
            many([30], |s| {
                from(no_policy(s, "kv-b", &person("o-1", "ann@t.example", CLI)), "203.0.113.3", "cli")
            }),
        ],
        &[],
    );
    set.add(
        "a person and an application that share a word",
        vec![
            many([10, 20], |s| ok(s, "kv-a", &person("o-1", "orders", CLI))),
            many([15, 25], |s| no_policy(s, "kv-a", &named("o-2", "a-2", "orders"))),
        ],
        &[],
    );
    set.add(
        "a Microsoft service in two tenants",
        vec![
            many([10, 20], |s| ok(s, "kv-a", &json!({"oid": "o-1", "appid": GRAPH}))),
            many([15, 25], |s| no_policy(s, "kv-a", &json!({"oid": "o-2", "appid": GRAPH}))),
        ],
        &[],
    );
    set.add(
        "slots of two sites",
        vec![
            many([10, 20], |s| ok(s, "kv-a", &slot("o-1", "shop"))),
            many([15, 25], |s| no_policy(s, "kv-a", &slot("o-2", "stock"))),
        ],
        &[],
    );
    set.add(
        "names that begin alike",
        vec![
            many([10, 20], |s| ok(s, "kv-a", &identity("o-1", "rg", "id-orders"))),
            many([15, 25], |s| no_policy(s, "kv-a", &identity("o-2", "rg", "id-orders-2"))),
        ],
        &[],
    );
    let alone = app("o-1", "a-1");
    set.add("a lone caller that is denied", vec![many([10, 1500], |s| no_policy(s, "kv-a", &alone))], &[]);
}

fn over_time(set: &mut Set) {
    let one = app("o-1", "a-1");
    set.add(
        "a role that takes four minutes",
        vec![many([100, 200, 340], |s| no_role(s, "kv-a", &one)), many([360, 400], |s| ok(s, "kv-a", &one))],
        &[("propagating", "kv-a", "o-1")],
    );
    set.add(
        "a policy that takes a minute",
        vec![
            vec![change(90, "kv-a", "VaultPatch")],
            many([100, 130], |s| no_policy(s, "kv-a", &one)),
            many([160, 400], |s| ok(s, "kv-a", &one)),
        ],
        &[("propagating", "kv-a", "o-1")],
    );
    set.add(
        "denied until somebody changed the vault",
        vec![
            many([100, 130], |s| no_policy(s, "kv-a", &one)),
            vec![change(200, "kv-a", "VaultPatch")],
            many([260, 400], |s| ok(s, "kv-a", &one)),
        ],
        &[],
    );
    set.add(
        "denied for an hour",
        vec![many([100, 2000, 3600], |s| no_role(s, "kv-a", &one)), many([3700], |s| ok(s, "kv-a", &one))],
        &[],
    );
    set.add(
        "denied to the end",
        vec![vec![change(90, "kv-a", "VaultPatch")], many([100, 200], |s| no_role(s, "kv-a", &one))],
        &[],
    );
    let (first, second) = (identity("o-1", "rg-prod", "id-a"), identity("o-2", "rg-dev", "id-a"));
    set.add(
        "a twin whose grant was still taking effect",
        vec![
            many([100, 200, 340], |s| no_role(s, "kv-a", &first)),
            many([360, 400], |s| ok(s, "kv-a", &first)),
            many([90, 500], |s| ok(s, "kv-a", &second)),
        ],
        &[("propagating", "kv-a", "o-1"), ("same-name", "-", "-")],
    );
}

fn redeployments(set: &mut Set) {
    let (one, two) = (app("o-1", "a-1"), app("o-2", "a-2"));
    let redeployed = |first: &Value, second: &Value, put: &'static str| {
        vec![
            many([10, 50], |s| ok(s, "kv-a", first)),
            many([20, 60], |s| ok(s, "kv-a", second)),
            vec![change(100, "kv-a", put)],
            many([110, 900], |s| no_policy(s, "kv-a", first)),
            many([120, 910], |s| no_policy(s, "kv-a", second)),
        ]
    };
    set.add("a redeployment", redeployed(&one, &two, "VaultPut"), &[("policies-replaced", "kv-a", "-")]);
    set.add("a change that is no redeployment", redeployed(&one, &two, "VaultPatch"), &[]);
    let vault_put_to_roles = vec![
        many([10, 50], |s| ok(s, "kv-a", &one)),
        many([20, 60], |s| ok(s, "kv-a", &two)),
        vec![change(100, "kv-a", "VaultPut")],
        many([110, 900], |s| no_role(s, "kv-a", &one)),
        many([120, 910], |s| no_role(s, "kv-a", &two)),
    ];
    set.add("a redeployment that switches to roles", vault_put_to_roles, &[]);
    set.add(
        "a redeployment after which one is denied",
        vec![
            many([10, 50], |s| ok(s, "kv-a", &one)),
            vec![change(100, "kv-a", "VaultPut")],
            many([110, 900], |s| no_policy(s, "kv-a", &one)),
        ],
        &[],
    );
    set.add(
        "denied before and after a redeployment",
        vec![
            many([10, 900], |s| no_policy(s, "kv-a", &one)),
            many([20, 910], |s| no_policy(s, "kv-a", &two)),
            vec![change(100, "kv-a", "VaultPut")],
        ],
        &[],
    );
}

fn clients(set: &mut Set) {
    let one = app("o-1", "a-1");
    let lone = |second: u32| from(challenge(second), "203.0.113.9", "agent-x");
    set.add(
        "an unanswered challenge of a known client",
        vec![vec![lone(1000)], many([100], |s| from(ok(s, "kv-a", &one), "203.0.113.9", "agent-x"))],
        &[("probable-caller", "kv-a", "o-1")],
    );
    set.add(
        "an unanswered challenge of a client that two share",
        vec![
            vec![lone(1000)],
            many([100], |s| from(ok(s, "kv-a", &one), "203.0.113.9", "agent-x")),
            many([110], |s| from(ok(s, "kv-a", &app("o-2", "a-2")), "203.0.113.9", "agent-x")),
        ],
        &[("probable-caller", "kv-a", "-")],
    );
    set.add(
        "an unanswered challenge of nobody",
        vec![vec![lone(1000)], many([100], |s| from(ok(s, "kv-a", &one), "203.0.113.8", "agent-x"))],
        &[("probable-caller", "kv-a", "-")],
    );
    let pairs = |count: u32, apart: u32, agent: &'static str| {
        vec![
            many((0..count).map(|at| 100 + at * apart), |s| from(challenge(s), "203.0.113.9", agent)),
            many((0..count).map(|at| 101 + at * apart), |s| {
                from(ok(s, "kv-a", &app("o-1", "a-1")), "203.0.113.9", agent)
            }),
        ]
    };
    set.add("a client for every request", pairs(40, 5, "agent-x"), &[("client-per-request", "-", "o-1")]);
    set.add("a command line in a loop", pairs(40, 5, "AZURECLI/2.60.0"), &[]);
    set.add("a job every five minutes", pairs(40, 300, "agent-x"), &[]);
    set.add("too few to tell", pairs(6, 5, "agent-x"), &[]);
    let mut kept = pairs(1, 5, "agent-x");
    kept.push(many((0..60).map(|at| 102 + at * 5), |s| {
        from(ok(s, "kv-a", &app("o-1", "a-1")), "203.0.113.9", "agent-x")
    }));
    set.add("a client that is kept", kept, &[]);
}
