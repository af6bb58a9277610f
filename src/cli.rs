//! What was typed: clap structs and nothing else. `settings` makes sense of it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::classify::causes::Severity;
use crate::decode::csv::{DateOrder, Zone};

/// Reads exported Azure Key Vault audit logs and says what failed, who it was, why, and what to do.
#[derive(Debug, Parser)]
#[command(name = "akvlens", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
Exit status: 0 clean; 1 findings at or above --fail-on; 2 usage, configuration or output; 3 input
incomplete (a blob could not be read, or more records rejected than --max-rejected); 4 no input;
130 interrupted. The report is written with 1 and 3 too.

Examples:
  akvlens report insights-logs-auditevent/ -o report.json -o report.md
  akvlens report logs/ --vault kv-orders --since '2h ago'
  akvlens capacity logs/ -o capacity.json -o plan.csv
  az storage blob download … | akvlens report -
  akvlens explain 'AKV10022: Invalid audience. Expected https://vault.azure.net, found: …'")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What failed, who it was, why, and what to do
    Report(ReportArgs),
    /// How close to the limits, what caching would save, and how to split a vault
    Capacity(CapacityArgs),
    /// Read logs once and keep their facts as Parquet
    Facts(FactsArgs),
    /// Combine folders of facts
    Merge(MergeArgs),
    /// Explain a cause, a load pattern, a verdict, a pasted error text, or an access token
    Explain(ExplainArgs),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,
    /// Write the report to a file, in the format of its extension (.json, .md, .csv); several times
    /// for several files. `-` writes JSON to standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Vec<PathBuf>,
    /// Rows of each table and findings shown on the terminal (10) and in Markdown (50); JSON and CSV
    /// hold all
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    /// End with status 1 when a finding is at least this grave
    #[arg(long, value_name = "SEVERITY")]
    pub fail_on: Option<Severity>,
    /// Seconds within which an authentication challenge must be answered [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub challenge_window: Option<u32>,
    /// Days without use before the end of the log after which a secret, key or certificate is stale
    /// [default: 30]
    #[arg(long, value_name = "DAYS")]
    pub stale_after: Option<u32>,
    /// What is known beside the logs.
    #[command(flatten)]
    pub knowledge: KnowledgeArgs,
    /// What of it.
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// `capacity`.
#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,
    /// Write the report to a file, in the format of its extension (.json, .md, .csv, plan.csv,
    /// caching.csv, series.csv); several times for several files. `-` writes JSON to standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Vec<PathBuf>,
    /// Rows of each table and findings shown on the terminal (10) and in Markdown (50); JSON and CSV
    /// hold all
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    /// End with status 1 when a finding is at least this grave; a peak above 100 % is high, above
    /// 90 % medium, above 75 % low
    #[arg(long, value_name = "SEVERITY")]
    pub fail_on: Option<Severity>,
    /// Seconds within which an authentication challenge must be answered [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub challenge_window: Option<u32>,
    /// What to plan.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// What is assumed.
    #[command(flatten)]
    pub assume: AssumeArgs,
    /// What is known beside the logs.
    #[command(flatten)]
    pub knowledge: KnowledgeArgs,
    /// What of it.
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// What to plan.
#[derive(Debug, Args)]
#[command(next_help_heading = "Planning")]
pub struct PlanArgs {
    /// How long caches keep a value: times such as 30s,5m,8h, and `rotated` for until it changes
    /// [default: 10s,30s,1m,5m,15m,1h,4h,8h,1d,rotated]
    #[arg(long, value_name = "TIME", value_delimiter = ',')]
    pub ttl: Vec<String>,
    /// Greatest utilisation that splitting may leave, in percent [default: 75]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub target: Option<u8>,
    /// Objects to keep together: CSV with the columns object and group
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub group: Option<PathBuf>,
    /// Split what caching for so long would leave
    #[arg(long, value_name = "TIME")]
    pub after_cache: Option<String>,
}

/// What is assumed where the service's documentation or the log is silent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Assumptions")]
pub struct AssumeArgs {
    /// Limits to use instead of the built-in ones (TOML, the form of src/findings/limits.toml)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub limits: Option<PathBuf>,
    /// The profile of limits, by name [default: the one in force at the last record]
    #[arg(long, value_name = "NAME")]
    pub limits_profile: Option<String>,
    /// What counts against limits beside successful requests: failures (other than 429), throttled
    /// (429s), challenges, or none [default: failures]
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub count: Vec<Counted>,
    /// Count keys and secrets against one budget: the worst case
    #[arg(long)]
    pub pooled: bool,
    /// What keys of unknown type or size are taken for, such as 'RSA 2048' or 'RSA-HSM 4096'
    /// [default: a range from the cheapest to the dearest]
    #[arg(long, value_name = "KEY")]
    pub assume_key: Option<String>,
}

/// What counts against limits beside successful requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Counted {
    /// Failures other than 429.
    Failures,
    /// 429s.
    Throttled,
    /// Authentication challenges.
    Challenges,
    /// Nothing else.
    None,
}

/// What is known beside the logs. Any of the files may come with either option: they are recognised
/// by content.
#[derive(Debug, Args)]
#[command(next_help_heading = "Knowledge beside the logs")]
pub struct KnowledgeArgs {
    /// Exports of the directory: `az ad sp|app|user|group list`, Graph, Get-AzAD*, `az identity list`
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub directory: Vec<PathBuf>,
    /// Who is granted what: `az keyvault show`, `az role assignment list`, Managed HSM role
    /// assignments; `az keyvault key list|show`
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub policies: Vec<PathBuf>,
    /// Well-known applications that extend and override the built-in ones (TOML, the form of
    /// src/record/caller/applications.toml)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub applications: Option<PathBuf>,
    /// Roles, such as custom ones, that extend and override the built-in ones (TOML, the form of
    /// src/knowledge/roles.toml)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub roles: Option<PathBuf>,
}

/// `facts`.
#[derive(Debug, Args)]
pub struct FactsArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,
    /// The folder of facts: new, or one to add this input's part to
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
    /// Seconds within which an authentication challenge must be answered, where a filter makes it
    /// necessary to judge now [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub challenge_window: Option<u32>,
    /// What of it.
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Folders of facts
    #[arg(required = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folders: Vec<PathBuf>,
    /// The folder to combine them in: new, or a folder of facts
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A cause's id, an error text, or `-` to read the text from standard input; nothing lists the
    /// causes
    #[arg(value_name = "CAUSE|MESSAGE|-")]
    pub what: Vec<String>,
    /// Check an access token on this machine: give `-` and paste it (its signature is never shown)
    #[arg(long)]
    pub token: bool,
    /// The HTTP status that came with the text, where it is known
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(400..600))]
    pub status: Option<u16>,
}

/// What commands that read logs take.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// Files, folders, globs, folders of facts, or `-` for standard input: JSON, CSV, Avro (Capture)
    /// or Parquet, plain, gzip or zstd
    #[arg(required = true, value_name = "INPUT", value_hint = ValueHint::AnyPath)]
    pub inputs: Vec<String>,
    /// Count each request once, however often and in whatever shape it was exported. Reads the logs
    /// twice and needs about 50 bytes of memory a record
    #[arg(long)]
    pub dedup: bool,
    /// How dates in CSV that do not begin with the year are written (month, day, year as mdy; dmy;
    /// ymd), where the rows of a file do not tell
    #[arg(long, value_name = "ORDER")]
    pub date_order: Option<DateOrder>,
    /// The time zone of times in CSV whose header names none, or an unknown one: UTC+01:00 or
    /// Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub csv_zone: Option<Zone>,
    /// Write every record that could not be read to a file, one JSON object a line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub rejects: Option<PathBuf>,
    /// End with status 3 only when more records than this are rejected [default: 0]
    #[arg(long, value_name = "N")]
    pub max_rejected: Option<u64>,
    /// Longest record, such as 16MB; a longer one is rejected. Bounds memory per thread [default:
    /// 16MiB]
    #[arg(long, value_name = "SIZE")]
    pub max_record: Option<String>,
    /// Memory that akvlens may take, about, such as 4GB; input whose tables need more is refused [default:
    /// three quarters of what is free where that is known (Linux), else 8GiB]
    #[arg(long, value_name = "SIZE")]
    pub max_memory: Option<String>,
    /// How many times its stored size a compressed blob may expand to, after the first 64 MiB
    /// [default: 500]
    #[arg(long, value_name = "TIMES")]
    pub max_expansion: Option<u64>,
}

/// Which part of the input is meant.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
pub struct FilterArgs {
    /// From this time on: RFC 3339, a date, or `2h ago` (whole seconds, UTC)
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Up to this time, which is no longer included
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only these vaults; `*` and `?` stand for any text, commas separate
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub vault: Vec<String>,
    /// Only these callers: object id, application id, or name, also of a --directory file
    #[arg(long, value_name = "ID|NAME", value_delimiter = ',')]
    pub caller: Vec<String>,
    /// Only these operations, such as SecretGet or `Key*`
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub operation: Vec<String>,
    /// Only these causes, such as missing-policy
    #[arg(long, value_name = "CAUSE", value_delimiter = ',')]
    pub cause: Vec<String>,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Causes that extend and override the built-in ones (TOML, the form of src/classify/causes.toml)
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub causes: Option<PathBuf>,
    /// Settings file [default: akvlens.toml here, if there is one]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Threads [default: one for each processor]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
    /// No progress bar
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Nothing on standard error but errors, and no summary when there is an output file
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
