//! Writes the logs of scenarios: who asks for what, when, at which vault.
//!
//! All scenarios are read in one run, so that each has vaults, callers and addresses of its own.

use std::collections::BTreeSet;

use fastrand::Rng;
use serde_json::{Value, json};

/// The first second of every scenario, from 1970: 2026-03-12, midnight.
const MIDNIGHT: i64 = 1_773_273_600;

/// A scenario, being written.
pub(crate) struct Log {
    pub(crate) name: &'static str,
    /// Its records with their times in milliseconds.
    pub(crate) records: Vec<(u64, Value)>,
    /// Codes with callers, as `o-1`, or `-`.
    pub(crate) expected: BTreeSet<(String, String)>,
    number: usize,
    /// The same from run to run.
    pub(crate) random: Rng,
}

/// Where requests come from.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) oid: &'static str,
    /// The host's part of the address.
    pub(crate) host: usize,
    pub(crate) agent: &'static str,
    pub(crate) vault: &'static str,
}

/// A client of the caller `o-1` at the vault `a`.
pub(crate) fn client(host: usize, agent: &'static str) -> Client {
    Client { oid: "o-1", host, agent, vault: "a" }
}

pub(crate) const GO: &str = "azsdk-go-azsecrets/v1.3.1 (go1.23.9; linux)";
pub(crate) const NET: &str = "azsdk-net-Security.KeyVault.Secrets/4.6.0 (.NET 8.0.8; Ubuntu 22.04)";
pub(crate) const JAVA: &str = "azsdk-java-azure-security-keyvault-keys/4.8.1 (17.0.11; Linux)";
pub(crate) const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36";
pub(crate) const CLI: &str = "AZURECLI/2.62.0 (DEB) azsdk-python-keyvault-secrets/4.8.0 Python/3.11.8";

pub(crate) const SECOND: u64 = 1000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;

impl Log {
    pub(crate) fn new(name: &'static str, number: usize) -> Self {
        let random = Rng::with_seed(1000 + number as u64);
        Self { name, records: Vec::new(), expected: BTreeSet::new(), number, random }
    }

    /// What this scenario is: a code and the caller that it is about.
    pub(crate) fn is(&mut self, code: &str, oid: &str) {
        self.expected.insert((code.to_owned(), oid.to_owned()));
    }

    /// The part of names and ids that tells scenarios apart.
    pub(crate) fn own(&self, name: &str) -> String {
        format!("{name}-{}", self.number)
    }

    /// A request that works, so many milliseconds after midnight.
    pub(crate) fn ok(&mut self, at: u64, client: Client, operation: &str, object: &str) {
        self.call(at, client, operation, object, 200);
    }

    /// A request with any status.
    pub(crate) fn call(&mut self, at: u64, client: Client, operation: &str, object: &str, status: u16) {
        let vault = self.own(&format!("kv-{}", client.vault));
        let host = format!("{vault}.vault.azure.net");
        let collection = match operation.as_bytes().first() {
            Some(b'K') => "keys",
            Some(b'C') => "certificates",
            _ => "secrets",
        };
        let url = match object {
            "" if operation.starts_with("Vault") => format!("https://management.azure.com/x/vaults/{vault}"),
            "" => format!("https://{host}/{collection}"),
            object => format!("https://{host}/{collection}/{object}"),
        };
        let oid = self.own(client.oid);
        let mut claims = json!({"oid": oid, "appid": format!("app-{oid}"), "idtyp": "app"});
        if operation == "Authentication" {
            claims = json!({});
        }
        let record = json!({
            "time": time(at),
            "category": "AuditEvent",
            "operationName": operation,
            "resultSignature": status.to_string(),
            "durationMs": "12",
            "callerIpAddress": format!("10.{}.{}.{}", self.number, client.host / 200, client.host % 200 + 1),
            "correlationId": format!("c-{}-{}", self.number, self.records.len()),
            "identity": {"claim": claims},
            "resourceId": format!("/SUBSCRIPTIONS/S-1/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/{vault}"),
            "properties": {"id": url, "clientInfo": client.agent, "httpStatusCode": status, "requestUri": url},
        });
        self.records.push((at, record));
    }

    /// The last request was about a key of this kind.
    pub(crate) fn of_kind(&mut self, kind: &str, size: u32) {
        let (_, record) = self.records.last_mut().unwrap();
        record["properties"]["keyProperties"] = json!({"type": kind, "size": size});
    }

    /// Times of independent requests, so many a thousand seconds.
    pub(crate) fn traffic(&mut self, from: u64, until: u64, in_1000_seconds: u64) -> Vec<u64> {
        let count = (until - from) * in_1000_seconds / 1_000_000;
        let mut times: Vec<u64> = (0..count).map(|_| self.random.u64(from..until)).collect();
        times.sort_unstable();
        times
    }

    /// Times at a period, each as much as `jitter` earlier or later.
    pub(crate) fn every(&mut self, from: u64, until: u64, period: u64, jitter: u64) -> Vec<u64> {
        let mut times = Vec::new();
        let mut at = from + jitter;
        while at < until {
            times.push(at - jitter + self.random.u64(0..=2 * jitter));
            at += period;
        }
        times
    }
}

/// As the log has it.
fn time(at: u64) -> String {
    let at = chrono::DateTime::from_timestamp_millis(MIDNIGHT * 1000 + i64::try_from(at).unwrap()).unwrap();
    at.format("%Y-%m-%dT%H:%M:%S%.3f0000Z").to_string()
}
