//! Other programs that answer the question and nothing more, by the scripts in `peers/`.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// One peer.
pub(crate) struct Peer {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// What it is started with.
    program: Program,
    /// Its script.
    script: &'static str,
    /// How it is installed.
    pub(crate) install: &'static str,
    /// It takes long: it is run once.
    pub(crate) slow: bool,
}

/// What starts a peer.
#[derive(Clone, Copy)]
enum Program {
    /// Python with a module, which a variable may name.
    Python(&'static str),
    /// A program of jq's kind; a variable may name it.
    Jq(&'static str, &'static str),
}

/// All peers.
pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "peer: DuckDB",
        program: Program::Python("duckdb"),
        script: "groups_duckdb.py",
        install: "pip install duckdb",
        slow: false,
    },
    Peer {
        name: "peer: Polars (Python)",
        program: Program::Python("polars"),
        script: "groups_polars.py",
        install: "pip install polars",
        slow: false,
    },
    Peer {
        name: "peer: ClickHouse local (chdb)",
        program: Program::Python("chdb"),
        script: "groups_chdb.py",
        install: "pip install chdb",
        slow: false,
    },
    Peer {
        name: "peer: jq",
        program: Program::Jq("AKVLENS_BENCH_JQ", "jq"),
        script: "groups.jq",
        install: "apt-get install jq",
        slow: true,
    },
    Peer {
        name: "peer: jaq",
        program: Program::Jq("AKVLENS_BENCH_JAQ", "jaq"),
        script: "groups.jq",
        install: "cargo install --locked jaq",
        slow: true,
    },
];

impl Peer {
    /// Whether it can be started here.
    pub(crate) fn is_installed(&self) -> bool {
        let mut probe = match self.program {
            Program::Python(module) => {
                let mut probe = Command::new(python());
                probe.args(["-c", &format!("import {module}")]);
                probe
            }
            Program::Jq(variable, name) => {
                let mut probe = Command::new(named(variable, name));
                probe.arg("--version");
                probe
            }
        };
        probe.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// The question, asked of a file.
    pub(crate) fn command(&self, file: &std::path::Path) -> Command {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers").join(self.script);
        match self.program {
            Program::Python(_) => {
                let mut command = Command::new(python());
                command.arg(script).arg(file);
                command
            }
            Program::Jq(variable, name) => {
                let mut command = Command::new(named(variable, name));
                command.args(["-n", "-r", "-f"]).arg(script).arg(file);
                command
            }
        }
    }
}

/// What a variable names, or the default.
fn named(variable: &str, default: &str) -> String {
    env::var(variable).unwrap_or_else(|_| default.to_owned())
}

fn python() -> String {
    named("AKVLENS_BENCH_PYTHON", if cfg!(windows) { "python" } else { "python3" })
}
