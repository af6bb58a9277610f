//! Scenarios that are a pattern, or several. A label is written from what the scenario is.

use super::traffic::{CLI, Client, GO, HOUR, JAVA, Log, MINUTE, NET, SECOND, client};

/// One scenario: its name, and what writes it.
pub(crate) type Scenario = (&'static str, fn(&mut Log));

/// All of them.
pub(crate) const SHOWN: &[Scenario] = &[
    ("a configuration provider reloads every half hour", half_hourly_reload),
    ("twelve instances start and load all secrets", scaled_out_load),
    ("every secret is resolved twice at each start", resolved_twice),
    ("keys are listed and got by a reload", reload_of_keys),
    ("forty nodes poll for rotation", nodes_poll),
    ("kubelets republish with a jitter", kubelets_republish),
    ("several pods on each node, each with its own phase", pods_on_nodes),
    ("the driver polls in phase", driver_in_phase),
    ("a selector that matches nothing", selector_without_match),
    ("a reconcile loop over four secrets", reconcile_loop),
    ("an operator looks for secrets that are missing", missing_secrets),
    ("a client for every request", new_clients),
    ("a secret for every web request", secret_per_request),
    ("ten instances without a cache", ten_without_cache),
    ("a data key unwrapped for every query", unwrap_per_query),
    ("encrypting and verifying in the vault", public_key_operations),
    ("a message is wrapped and unwrapped each time", wrap_and_unwrap),
    ("three builds sign their files", builds_sign),
    ("a signing tool that waits after 429", signing_with_patience),
    ("an API server starts with its plugin", plugin_starts),
    ("a plugin whose agent says nothing", plugin_unnamed),
    ("two rollouts of twenty instances", rollouts),
    ("plans of Terraform over three vaults", terraform_plans),
    ("a tool like Terraform that does not say so", unnamed_tool),
    ("six instances reload at the full five minutes", reload_in_phase),
    ("one instance reloads fifteen settings every thirty seconds", settings_reload),
    ("an import of two hundred secrets", import),
    ("keys created in bulk", keys_in_bulk),
    ("an import that is throttled and waits", throttled_import),
    ("retries at once", retries_at_once),
    ("ten retries at once, and nothing else", few_retries),
    ("retries every two seconds", retries_every_two),
    ("retries every six seconds for minutes", retries_every_six),
    ("denied every half minute", denied_each_half_minute),
    ("a secret that is not there, every minute", missing_each_minute),
    ("an expired token, every ten seconds", expired_token),
    ("Resource Graph looks at five vaults", resource_graph),
    ("an inventory lists four vaults", inventory),
    ("sixty secrets backed up", backup),
    ("a key that everyone uses at once", everyone_at_once),
    ("one caller at many keys at once", one_caller_at_once),
    ("polling nodes that retry without waiting", polling_and_retrying),
    ("no cache, and a client for every request", no_cache_new_clients),
    ("a reload beside a denied neighbour", reload_and_denied),
    ("an import, then a backup of it", import_and_backup),
];

fn secret(number: usize) -> String {
    format!("secret-{number:03}")
}

/// A list, then a get for each of so many secrets.
fn load(log: &mut Log, at: u64, from: Client, secrets: usize) {
    for page in 0..secrets.div_ceil(25) as u64 {
        log.ok(at + page * 120, from, "SecretList", "");
    }
    for number in 0..secrets {
        log.ok(at + 500 + 60 * number as u64, from, "SecretGet", &secret(number));
    }
}

fn half_hourly_reload(log: &mut Log) {
    for at in log.every(7 * MINUTE, 6 * HOUR, 30 * MINUTE, SECOND) {
        load(log, at, client(1, NET), 40);
    }
    log.is("list-then-get-all", "o-1");
}

fn scaled_out_load(log: &mut Log) {
    for host in 0..12 {
        let at = HOUR + log.random.u64(0..40 * SECOND);
        load(log, at, client(host, NET), 30);
    }
    log.is("list-then-get-all", "o-1");
}

fn resolved_twice(log: &mut Log) {
    for start in 1..5 {
        load(log, start * 2 * HOUR, client(1, JAVA), 20);
        for number in 0..20 {
            log.ok(
                start * 2 * HOUR + 5 * SECOND + 70 * number as u64,
                client(1, JAVA),
                "SecretGet",
                &secret(number),
            );
        }
    }
    log.is("list-then-get-all", "o-1");
}

fn reload_of_keys(log: &mut Log) {
    for at in log.every(0, 5 * HOUR, HOUR, SECOND) {
        log.ok(at, client(1, JAVA), "KeyList", "");
        for number in 0..15_u64 {
            log.ok(at + 200 + 100 * number, client(1, JAVA), "KeyGet", &format!("key-{number}"));
        }
    }
    log.is("list-then-get-all", "o-1");
}

fn nodes_poll(log: &mut Log) {
    for host in 0..40 {
        let phase = log.random.u64(0..120 * SECOND);
        for at in log.every(phase, HOUR, 120 * SECOND, SECOND) {
            log.ok(at, client(host, GO), "SecretGet", "db");
            log.ok(at + 90, client(host, GO), "SecretGet", "queue");
        }
    }
    log.is("per-pod-polling", "o-1");
}

fn kubelets_republish(log: &mut Log) {
    let agent = "csi-secrets-store/v1.5.2 (linux/amd64) 1234567/2024-02-01-10:00";
    for host in 0..8 {
        let mut at = log.random.u64(0..80 * SECOND);
        while at < HOUR {
            log.ok(at, client(host, agent), "SecretGet", "tls");
            at += log.random.u64(75 * SECOND..83 * SECOND);
        }
    }
    log.is("per-pod-polling", "o-1");
}

fn pods_on_nodes(log: &mut Log) {
    for host in 0..15 {
        for _pod in 0..3 {
            let phase = log.random.u64(0..120 * SECOND);
            for at in log.every(phase, HOUR, 120 * SECOND, 0) {
                log.ok(at, client(host, GO), "SecretGet", "db");
            }
        }
    }
    log.is("per-pod-polling", "o-1");
}

fn driver_in_phase(log: &mut Log) {
    let agent = "csi-secrets-store/v1.4.1 (linux/amd64) 7654321/2023-11-01-10:00";
    for at in log.every(0, HOUR, 120 * SECOND, 0) {
        for host in 0..10 {
            log.ok(at + 200 * host as u64, client(host, agent), "SecretGet", "db");
        }
    }
    log.is("per-pod-polling", "o-1");
}

fn selector_without_match(log: &mut Log) {
    for at in log.every(0, HOUR, 5 * SECOND, 200) {
        log.ok(at, client(1, GO), "SecretList", "");
    }
    log.is("operator-hot-loop", "o-1");
}

fn reconcile_loop(log: &mut Log) {
    for at in log.every(0, 30 * MINUTE, 3 * SECOND, 100) {
        for number in 0..4 {
            log.ok(at + 80 * number as u64, client(1, GO), "SecretGet", &secret(number));
        }
    }
    log.is("operator-hot-loop", "o-1");
}

fn missing_secrets(log: &mut Log) {
    for at in log.every(0, HOUR, 10 * SECOND, 300) {
        log.ok(at, client(1, GO), "SecretList", "");
        log.call(at + 200, client(1, GO), "SecretGet", "not-there", 404);
    }
    log.is("operator-hot-loop", "o-1");
}

fn new_clients(log: &mut Log) {
    let from = client(1, NET);
    for at in log.traffic(0, 20 * MINUTE, 70) {
        log.call(at, from, "Authentication", "", 401);
        log.ok(at + 150, from, "SecretGet", "db");
    }
    log.is("client-per-request", "o-1");
}

fn secret_per_request(log: &mut Log) {
    for at in log.traffic(0, HOUR, 800) {
        log.ok(at, client(1, NET), "SecretGet", "db");
    }
    for at in log.traffic(0, HOUR, 200) {
        log.ok(at, client(1, NET), "SecretGet", "api-key");
    }
    log.is("read-per-request", "o-1");
}

fn ten_without_cache(log: &mut Log) {
    for host in 0..10 {
        for (from, until, rate) in [(8, 9, 20), (9, 10, 90), (10, 11, 40)] {
            for at in log.traffic(from * HOUR, until * HOUR, rate) {
                log.ok(at, client(host, NET), "SecretGet", "db");
            }
        }
    }
    log.is("read-per-request", "o-1");
}

fn unwrap_per_query(log: &mut Log) {
    for at in log.traffic(9 * HOUR, 10 * HOUR, 400) {
        log.ok(at, client(1, JAVA), "KeyGet", "cek");
        log.ok(at + 40, client(1, JAVA), "KeyUnwrap", "cek");
    }
    log.is("unwrap-per-request", "o-1");
}

fn public_key_operations(log: &mut Log) {
    for at in log.traffic(9 * HOUR, 11 * HOUR, 80) {
        log.ok(at, client(1, JAVA), "KeyEncrypt", "letters");
    }
    for at in log.traffic(9 * HOUR, 11 * HOUR, 60) {
        log.ok(at, client(2, JAVA), "KeyVerify", "seal");
    }
    log.is("remote-public-key-op", "o-1");
}

fn wrap_and_unwrap(log: &mut Log) {
    for at in log.traffic(9 * HOUR, 10 * HOUR, 200) {
        log.ok(at, client(1, JAVA), "KeyWrap", "kek");
        log.ok(at + 300, client(1, JAVA), "KeyUnwrap", "kek");
    }
    log.is("unwrap-per-request", "o-1");
    log.is("remote-public-key-op", "o-1");
}

fn builds_sign(log: &mut Log) {
    for build in 1..4 {
        let start = build * 3 * HOUR;
        log.ok(start, client(1, NET), "CertificateGet", "code-signing");
        for file in 0..300 {
            log.ok(start + 2 * SECOND + file * 210, client(1, NET), "KeySign", "code-signing");
        }
    }
    log.is("signing-burst", "o-1");
}

fn signing_with_patience(log: &mut Log) {
    let start = 3 * HOUR;
    for file in 0..250 {
        log.ok(start + file * 100, client(1, NET), "KeySign", "code-signing");
    }
    for episode in 0..4 {
        let mut at = start + 30 * SECOND + episode * 40 * SECOND;
        for wait in [1, 2, 4, 8, 16] {
            log.call(at, client(1, NET), "KeySign", "code-signing", 429);
            at += wait * SECOND;
        }
        for file in 0..30 {
            log.ok(at + file * 150, client(1, NET), "KeySign", "code-signing");
        }
    }
    log.is("signing-burst", "o-1");
}

const PLUGIN: &str = "Azure-SDK-For-Go/v55.0.0 keyvault/7.0 k8s-kms-keyvault/v0.5.0 (linux/amd64) 84fa3b7";

fn plugin_starts(log: &mut Log) {
    for at in log.traffic(0, 6 * HOUR, 4) {
        log.ok(at, client(1, PLUGIN), "KeyEncrypt", "etcd");
    }
    for number in 0..500 {
        log.ok(3 * HOUR + number * 90, client(1 + (number % 3) as usize, PLUGIN), "KeyDecrypt", "etcd");
    }
    log.is("kms-plugin-storm", "o-1");
}

fn plugin_unnamed(log: &mut Log) {
    for at in log.traffic(0, 8 * HOUR, 2) {
        log.ok(at, client(1, JAVA), "KeyEncrypt", "etcd");
    }
    for number in 0..600 {
        log.ok(5 * HOUR + number * 70, client(1, JAVA), "KeyDecrypt", "etcd");
    }
    log.is("kms-plugin-storm", "o-1");
}

fn rollouts(log: &mut Log) {
    for rollout in [9 * HOUR, 13 * HOUR] {
        for host in 0..20 {
            let at = rollout + log.random.u64(0..35 * SECOND);
            for number in 0..5 {
                log.ok(at + 120 * number as u64, client(host, NET), "SecretGet", &secret(number));
            }
        }
    }
    log.is("startup-storm", "o-1");
}

const TERRAFORM: &str = "HashiCorp Terraform/1.9.5 (+https://www.terraform.io) Terraform Plugin SDK/2.10.1 terraform-provider-azurerm/4.1.0";

fn terraform_plans(log: &mut Log) {
    for plan in 1..4 {
        for (at, vault) in ["a", "b", "c"].into_iter().enumerate() {
            let start = plan * 2 * HOUR + at as u64 * 10 * SECOND;
            let from = Client { vault, ..client(1, TERRAFORM) };
            log.ok(start, from, "VaultGet", "");
            for number in 0..25 {
                log.ok(start + 200 + number as u64 * 300, from, "SecretGet", &secret(number));
                log.ok(start + 300 + number as u64 * 300, from, "SecretListVersions", &secret(number));
            }
        }
    }
    log.is("iac-refresh", "o-1");
}

fn unnamed_tool(log: &mut Log) {
    for run in 1..4 {
        for (at, vault) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
            let start = run * 2 * HOUR + at as u64 * 5 * SECOND;
            let from = Client { vault, ..client(1, GO) };
            log.ok(start, from, "VaultGet", "");
            for number in 0..8_u64 {
                log.ok(start + 200 + number * 300, from, "SecretGet", &format!("{vault}-{number}"));
            }
        }
    }
    log.is("iac-refresh", "o-1");
}

fn reload_in_phase(log: &mut Log) {
    for at in log.every(0, 3 * HOUR, 300 * SECOND, 0) {
        for host in 0..6 {
            for number in 0..5 {
                let lag = log.random.u64(0..1500);
                log.ok(at + lag, client(host, NET), "SecretGet", &secret(number));
            }
        }
    }
    log.is("fixed-period-reload", "o-1");
}

fn settings_reload(log: &mut Log) {
    for at in log.every(0, HOUR, 30 * SECOND, 0) {
        for number in 0..15 {
            log.ok(at + 60 * number as u64, client(1, NET), "SecretGet", &secret(number));
        }
    }
    log.is("fixed-period-reload", "o-1");
}

fn import(log: &mut Log) {
    for number in 0..200 {
        log.ok(HOUR + 40 * number as u64, client(1, CLI), "SecretSet", &secret(number));
    }
    log.is("mass-write", "o-1");
}

fn keys_in_bulk(log: &mut Log) {
    for number in 0..30_u64 {
        log.ok(HOUR + 300 * number, client(1, CLI), "KeyCreate", &format!("key-{number}"));
        log.of_kind("RSA", 2048);
    }
    log.is("mass-write", "o-1");
}

fn throttled_import(log: &mut Log) {
    for number in 0..20 {
        let mut at = HOUR + 40 * SECOND * number as u64;
        for wait in [1, 2, 4, 8] {
            log.call(at, client(1, NET), "SecretSet", &secret(number), 429);
            at += wait * SECOND;
        }
        log.ok(at, client(1, NET), "SecretSet", &secret(number));
    }
    log.is("mass-write", "o-1");
}

fn retries_at_once(log: &mut Log) {
    for at in log.traffic(HOUR, HOUR + MINUTE, 3000) {
        for number in 0..4 {
            log.call(at + 80 * number, client(1, NET), "KeySign", "jwt", 429);
        }
    }
    for at in log.traffic(0, 2 * HOUR, 10) {
        log.ok(at, client(1, NET), "KeySign", "jwt");
    }
    log.is("retry-storm", "o-1");
}

fn few_retries(log: &mut Log) {
    for number in 0..10 {
        log.call(HOUR + 80 * number, client(1, NET), "KeyDecrypt", "cards", 429);
    }
    log.ok(HOUR + SECOND, client(1, NET), "KeyDecrypt", "cards");
    log.is("retry-storm", "o-1");
}

fn retries_every_two(log: &mut Log) {
    for episode in 0..8 {
        let start = HOUR + episode * 5 * MINUTE;
        for number in 0..12 {
            log.call(start + number * 2 * SECOND, client(1, NET), "KeyDecrypt", "cards", 429);
        }
        log.ok(start + 24 * SECOND, client(1, NET), "KeyDecrypt", "cards");
    }
    log.is("retry-storm", "o-1");
}

fn retries_every_six(log: &mut Log) {
    for at in log.every(HOUR, HOUR + 5 * MINUTE, 6 * SECOND, 900) {
        log.call(at, client(1, NET), "KeySign", "labels", 429);
    }
    log.is("retry-storm", "o-1");
}

fn denied_each_half_minute(log: &mut Log) {
    for at in log.every(0, 2 * HOUR, 30 * SECOND, SECOND) {
        log.call(at, client(1, NET), "SecretGet", "db", 403);
    }
    log.is("denied-loop", "o-1");
}

fn missing_each_minute(log: &mut Log) {
    for at in log.every(0, 3 * HOUR, MINUTE, 2 * SECOND) {
        log.call(at, client(1, GO), "SecretGet", "gone", 404);
        log.call(at + 300, client(1, GO), "SecretGet", "gone-too", 404);
    }
    log.is("denied-loop", "o-1");
}

fn expired_token(log: &mut Log) {
    for at in log.every(0, HOUR, 10 * SECOND, SECOND) {
        log.call(at, client(1, NET), "SecretGet", "db", 401);
    }
    log.is("denied-loop", "o-1");
}

fn resource_graph(log: &mut Log) {
    let agent = "AzureResourceGraph.IngestionWorkerService.global/1.23.1.224";
    for at in log.every(0, 24 * HOUR, HOUR, MINUTE) {
        for (number, vault) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
            log.ok(at + number as u64 * SECOND, Client { vault, ..client(1, agent) }, "VaultGet", "");
        }
    }
    log.is("scanner", "o-1");
}

fn inventory(log: &mut Log) {
    for at in log.every(0, 24 * HOUR, 2 * HOUR, MINUTE) {
        for (number, vault) in ["a", "b", "c", "d"].into_iter().enumerate() {
            for (step, list) in ["SecretList", "KeyList", "CertificateList"].into_iter().enumerate() {
                let from = Client { vault, ..client(1, "azsdk-python-keyvault-secrets/4.8.0 Python/3.12.5") };
                log.ok(at + number as u64 * 5 * SECOND + step as u64 * 400, from, list, "");
            }
        }
    }
    log.is("scanner", "o-1");
}

fn backup(log: &mut Log) {
    log.ok(2 * HOUR, client(1, CLI), "SecretList", "");
    for number in 0..60 {
        log.ok(2 * HOUR + SECOND + number as u64 * 1500, client(1, CLI), "SecretBackup", &secret(number));
    }
    log.is("backup-sweep", "o-1");
}

const CALLERS: [&str; 15] = [
    "o-1", "o-2", "o-3", "o-4", "o-5", "o-6", "o-7", "o-8", "o-9", "o-10", "o-11", "o-12", "o-13", "o-14",
    "o-15",
];

fn everyone_at_once(log: &mut Log) {
    for (host, oid) in CALLERS.into_iter().enumerate() {
        for number in 0..10 {
            let at = HOUR + host as u64 * 50 + number * 800;
            log.ok(at, Client { oid, ..client(host, JAVA) }, "KeySign", "token");
            log.of_kind("RSA-HSM", 4096);
        }
    }
    log.is("hot-object", "-");
}

fn one_caller_at_once(log: &mut Log) {
    for number in 0..75 {
        for round in 0..2 {
            log.ok(
                HOUR + number * 50 + round * 4 * SECOND,
                client(1, JAVA),
                "KeyDecrypt",
                &format!("tenant-{number}"),
            );
            log.of_kind("RSA-HSM", 4096);
        }
    }
    log.is("hot-caller", "o-1");
}

fn polling_and_retrying(log: &mut Log) {
    for host in 0..12 {
        let phase = log.random.u64(0..120 * SECOND);
        for at in log.every(phase, HOUR, 120 * SECOND, SECOND) {
            let limited = (20 * MINUTE..30 * MINUTE).contains(&at);
            for again in 0..if limited { 5 } else { 0 } {
                log.call(at + again * 70, client(host, GO), "SecretGet", "db", 429);
            }
            log.ok(at + 400, client(host, GO), "SecretGet", "db");
        }
    }
    log.is("per-pod-polling", "o-1");
    log.is("retry-storm", "o-1");
}

fn no_cache_new_clients(log: &mut Log) {
    let from = client(1, NET);
    for at in log.traffic(0, HOUR, 250) {
        log.call(at, from, "Authentication", "", 401);
        log.ok(at + 150, from, "SecretGet", "db");
    }
    log.is("client-per-request", "o-1");
    log.is("read-per-request", "o-1");
}

fn reload_and_denied(log: &mut Log) {
    half_hourly_reload(log);
    for at in log.every(0, HOUR, 20 * SECOND, SECOND) {
        log.call(at, Client { oid: "o-2", ..client(9, GO) }, "SecretGet", "secret-001", 403);
    }
    log.is("denied-loop", "o-2");
}

fn import_and_backup(log: &mut Log) {
    import(log);
    backup(log);
    log.is("mass-write", "o-1");
    log.is("backup-sweep", "o-1");
}
