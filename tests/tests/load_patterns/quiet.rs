//! Scenarios that are no pattern: quiet logs, and near misses of every pattern.

use super::shown::Scenario;
use super::traffic::{BROWSER, CLI, Client, GO, HOUR, JAVA, Log, MINUTE, NET, SECOND, client};

const DAY: u64 = 24 * HOUR;

/// All of them.
pub(crate) const QUIET: &[Scenario] = &[
    ("an application with a cache of five minutes", cached),
    ("eight instances with a cache and a jitter", cached_instances),
    ("a few reads a day", few_reads),
    ("many people through portal and CLI", people),
    ("three secrets backed up each night", small_backup),
    ("storage with customer-managed keys", managed_keys),
    ("column keys cached for two hours", cached_column_keys),
    ("an application starts twice and loads all", loads_twice),
    ("lists, and reads a few of many", reads_a_few),
    ("somebody looks around in the portal", looks_around),
    ("nodes poll twice a day", nodes_poll_rarely),
    ("thirty instances with a secret of their own", own_secrets),
    ("an operator refreshes every ten minutes", calm_operator),
    ("a service signs now and then, all day", steady_signing),
    ("six instances start", few_start),
    ("a rollout over twenty minutes", calm_rollout),
    ("a small plan of Terraform", small_plan),
    ("a plugin of KMS v2", plugin_of_v2),
    ("a pipeline writes sixty secrets in two minutes", calm_import),
    ("ten keys created over an hour", few_keys),
    ("waits as documented after 429", patient),
    ("waits half a minute after each 429", slow_retry),
    ("five unlucky 429s", five_throttled),
    ("a role takes eight minutes", propagation),
    ("a person is refused now and then", refused_person),
    ("a dozen refusals in a row", dozen_refused),
    ("people list in the browser", browsing),
    ("fifteen secrets backed up", fifteen_backed_up),
    ("a hundred callers use a key at once", hundred_at_once),
    ("a client that is kept", kept_client),
    ("scripts with the Azure CLI", scripts),
    ("a busy hour of many applications", busy_hour),
];

fn cached(log: &mut Log) {
    let mut at = 0;
    while at < DAY {
        for object in ["db", "queue", "api-key"] {
            log.ok(at + log.random.clone().u64(0..900), client(1, NET), "SecretGet", object);
        }
        at += 300 * SECOND + log.random.u64(SECOND..40 * SECOND);
    }
}

fn cached_instances(log: &mut Log) {
    for host in 0..8 {
        let mut at = log.random.u64(0..300 * SECOND);
        while at < 4 * HOUR {
            log.ok(at, client(host, JAVA), "SecretGet", "db");
            at += log.random.u64(301 * SECOND..420 * SECOND);
        }
    }
}

fn few_reads(log: &mut Log) {
    for day in 0..7 {
        for at in log.traffic(day * DAY + 7 * HOUR, day * DAY + 18 * HOUR, 1).into_iter().take(8) {
            log.ok(at, client(1, NET), "SecretGet", "db");
        }
    }
}

const PEOPLE: [&str; 12] =
    ["p-1", "p-2", "p-3", "p-4", "p-5", "p-6", "p-7", "p-8", "p-9", "p-10", "p-11", "p-12"];

fn people(log: &mut Log) {
    for (host, oid) in PEOPLE.into_iter().enumerate() {
        let agent = if host % 2 == 0 { BROWSER } else { CLI };
        let from = Client { oid, ..client(host, agent) };
        for at in log.traffic(8 * HOUR, 17 * HOUR, 1) {
            log.call(at, from, "Authentication", "", 401);
            log.ok(at + 300, from, "SecretList", "");
            log.ok(at + 9 * SECOND, from, "SecretGet", &format!("secret-{}", host % 5));
        }
    }
}

fn small_backup(log: &mut Log) {
    for night in 0..20 {
        for number in 0..3 {
            log.ok(
                night * DAY + 2 * HOUR + number * SECOND,
                client(1, CLI),
                "SecretBackup",
                &format!("secret-{number}"),
            );
        }
    }
}

fn managed_keys(log: &mut Log) {
    for host in 0..4 {
        for at in log.every(host as u64 * 7 * MINUTE, 3 * DAY, HOUR, 5 * MINUTE) {
            log.ok(at, client(host, "Microsoft.Storage"), "KeyUnwrap", "storage");
        }
        for at in log.every(host as u64 * 9 * MINUTE, 3 * DAY, HOUR, 5 * MINUTE) {
            log.ok(at, client(host, "Microsoft.Storage"), "KeyWrap", "storage");
        }
    }
}

fn cached_column_keys(log: &mut Log) {
    for host in 0..3 {
        for at in log.every(host as u64 * MINUTE, 2 * DAY, 2 * HOUR, 10 * MINUTE) {
            for key in ["cmk-a", "cmk-b"] {
                log.ok(at, client(host, JAVA), "KeyUnwrap", key);
            }
        }
    }
}

fn load(log: &mut Log, at: u64, from: Client, secrets: u64) {
    log.ok(at, from, "SecretList", "");
    for number in 0..secrets {
        log.ok(at + 500 + 80 * number, from, "SecretGet", &format!("secret-{number}"));
    }
}

fn loads_twice(log: &mut Log) {
    load(log, HOUR, client(1, NET), 20);
    load(log, 15 * HOUR, client(1, NET), 20);
}

fn reads_a_few(log: &mut Log) {
    for number in 0..40 {
        log.ok(number * HOUR / 4, client(1, NET), "SecretGet", &format!("secret-{number}"));
    }
    for at in log.every(12 * HOUR, 20 * HOUR, HOUR, MINUTE) {
        load(log, at, client(1, NET), 8);
    }
}

fn looks_around(log: &mut Log) {
    for at in log.every(9 * HOUR, 16 * HOUR, 40 * MINUTE, 10 * MINUTE) {
        load(log, at, client(1, BROWSER), 3);
    }
}

fn nodes_poll_rarely(log: &mut Log) {
    for host in 0..20 {
        let phase = log.random.u64(0..12 * HOUR);
        for at in log.every(phase, 4 * DAY, 12 * HOUR, MINUTE) {
            log.ok(at, client(host, "csi-secrets-store/v1.5.2 (linux/amd64)"), "SecretGet", "db");
        }
    }
}

fn own_secrets(log: &mut Log) {
    for host in 0..30 {
        let phase = log.random.u64(0..10 * MINUTE);
        for at in log.every(phase, 3 * HOUR, 10 * MINUTE, 20 * SECOND) {
            log.ok(at, client(host, NET), "SecretGet", &format!("device-{host}"));
        }
    }
}

fn calm_operator(log: &mut Log) {
    for at in log.every(0, DAY, 10 * MINUTE, 5 * SECOND) {
        log.ok(at, client(1, GO), "SecretList", "");
        for number in 0..4 {
            log.ok(at + 200 + number * 90, client(1, GO), "SecretGet", &format!("secret-{number}"));
        }
    }
}

fn steady_signing(log: &mut Log) {
    for at in log.traffic(0, 10 * HOUR, 30) {
        log.ok(at, client(1, JAVA), "KeySign", "jwt");
    }
}

fn few_start(log: &mut Log) {
    for start in 1..5 {
        for host in 0..6 {
            for number in 0..9 {
                let at = start * 4 * HOUR + log.random.u64(0..30 * SECOND);
                log.ok(at, client(host, NET), "SecretGet", &format!("secret-{number}"));
            }
        }
    }
}

fn calm_rollout(log: &mut Log) {
    for host in 0..20 {
        for number in 0..5 {
            log.ok(
                HOUR + host as u64 * MINUTE + number * 150,
                client(host, NET),
                "SecretGet",
                &format!("secret-{number}"),
            );
        }
    }
}

fn small_plan(log: &mut Log) {
    for run in 1..3 {
        let agent = "HashiCorp Terraform/1.9.5 (+https://www.terraform.io) terraform-provider-azurerm/4.1.0";
        log.ok(run * 5 * HOUR, client(1, agent), "VaultGet", "");
        for number in 0..8 {
            log.ok(run * 5 * HOUR + 300 * number, client(1, agent), "SecretGet", &format!("secret-{number}"));
        }
    }
}

fn plugin_of_v2(log: &mut Log) {
    for at in log.every(0, 2 * DAY, HOUR, MINUTE) {
        log.ok(at, client(1, "k8s-kms-keyvault/v0.7.0 (linux/amd64)"), "KeyDecrypt", "etcd");
        log.ok(at + 200, client(1, "k8s-kms-keyvault/v0.7.0 (linux/amd64)"), "KeyEncrypt", "etcd");
    }
}

fn calm_import(log: &mut Log) {
    for number in 0..60 {
        log.ok(HOUR + number * 2 * SECOND, client(1, CLI), "SecretSet", &format!("secret-{number}"));
    }
}

fn few_keys(log: &mut Log) {
    for number in 0..10 {
        log.ok(HOUR + number * 6 * MINUTE, client(1, CLI), "KeyCreate", &format!("key-{number}"));
        log.of_kind("RSA-HSM", 2048);
    }
}

fn throttle(log: &mut Log, start: u64, waits: &[u64]) {
    let mut at = start;
    for wait in waits {
        log.call(at, client(1, NET), "KeyDecrypt", "cards", 429);
        at += wait * SECOND;
    }
    log.ok(at, client(1, NET), "KeyDecrypt", "cards");
}

fn patient(log: &mut Log) {
    for episode in 0..10 {
        throttle(log, HOUR + episode * 5 * MINUTE, &[1, 2, 4, 8, 16]);
    }
}

fn slow_retry(log: &mut Log) {
    for episode in 0..6 {
        throttle(log, HOUR + episode * 10 * MINUTE, &[30, 30, 30, 30]);
    }
}

fn five_throttled(log: &mut Log) {
    throttle(log, HOUR, &[0, 0, 0, 0, 0]);
    for at in log.traffic(0, 6 * HOUR, 5) {
        log.ok(at, client(1, NET), "KeyDecrypt", "cards");
    }
}

fn propagation(log: &mut Log) {
    for at in log.every(HOUR, HOUR + 8 * MINUTE, 10 * SECOND, SECOND) {
        log.call(at, client(1, NET), "SecretGet", "db", 403);
    }
    log.ok(HOUR + 9 * MINUTE, client(1, NET), "SecretGet", "db");
}

fn refused_person(log: &mut Log) {
    let from = Client { oid: "p-1", ..client(1, BROWSER) };
    for at in log.traffic(8 * HOUR, 17 * HOUR, 2) {
        log.call(at, from, "SecretGet", "db", 403);
    }
}

fn dozen_refused(log: &mut Log) {
    for at in log.every(HOUR, HOUR + 12 * MINUTE, MINUTE, 0) {
        log.call(at, client(1, NET), "SecretGet", "db", 403);
    }
}

fn browsing(log: &mut Log) {
    for (host, oid) in PEOPLE.into_iter().enumerate() {
        for vault in ["a", "b", "c", "d"] {
            for at in log.traffic(8 * HOUR, 17 * HOUR, 1).into_iter().take(10) {
                log.ok(at, Client { oid, vault, ..client(host, BROWSER) }, "SecretList", "");
            }
        }
    }
}

fn fifteen_backed_up(log: &mut Log) {
    for night in 0..5 {
        for number in 0..15 {
            log.ok(
                night * DAY + 2 * HOUR + number * SECOND,
                client(1, CLI),
                "SecretBackup",
                &format!("secret-{number}"),
            );
        }
    }
}

fn hundred_at_once(log: &mut Log) {
    for (host, oid) in PEOPLE.into_iter().enumerate() {
        for number in 0..8 {
            log.ok(
                HOUR + host as u64 * 40 + number * 900,
                Client { oid, ..client(host, JAVA) },
                "KeySign",
                "token",
            );
            log.of_kind("RSA-HSM", 4096);
        }
    }
}

fn kept_client(log: &mut Log) {
    for at in log.every(0, 12 * HOUR, HOUR, MINUTE) {
        log.call(at, client(1, NET), "Authentication", "", 401);
    }
    for at in log.traffic(0, 12 * HOUR, 3) {
        log.ok(at, client(1, NET), "SecretGet", "db");
    }
}

fn scripts(log: &mut Log) {
    for at in log.traffic(8 * HOUR, 9 * HOUR, 15) {
        log.call(at, client(1, CLI), "Authentication", "", 401);
        log.ok(at + 250, client(1, CLI), "SecretGet", &format!("secret-{}", at % 9));
    }
}

fn busy_hour(log: &mut Log) {
    let callers = ["o-1", "o-2", "o-3", "o-4", "o-5", "o-6", "o-7", "o-8", "o-9", "o-10"];
    for (host, oid) in callers.into_iter().enumerate() {
        for at in log.traffic(9 * HOUR, 10 * HOUR, 15) {
            let object = format!("secret-{}", log.random.u64(0..8));
            log.ok(at, Client { oid, ..client(host, NET) }, "SecretGet", &object);
        }
    }
}
