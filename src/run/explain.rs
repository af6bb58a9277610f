//! `akvlens explain`.

use std::io::{self, Read};

use crate::cli::ExplainArgs;
use crate::error::{Error, ExitStatus};
use crate::explain::{self, token};
use crate::findings::codes;
use crate::output::write_stdout;
use crate::settings::{Settings, nearest};

/// Longest pasted text, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Explains what was typed or pasted.
pub(super) fn run(args: &ExplainArgs, settings: &Settings) -> Result<ExitStatus, Error> {
    let width = settings.surroundings.width.min(100);
    let causes = &settings.causes;
    let typed = args.what.join(" ");
    if args.token {
        return check_token(&typed, settings);
    }
    if typed.is_empty() {
        write_stdout(explain::list(causes).as_bytes())?;
        return Ok(ExitStatus::Clean);
    }
    let id = typed.to_ascii_lowercase();
    if let Some(cause) = causes.find(&id) {
        write_stdout(explain::card(cause, width).as_bytes())?;
        return Ok(ExitStatus::Clean);
    }
    if let Some(code) = codes::find(&id) {
        write_stdout(explain::code_card(code, width).as_bytes())?;
        return Ok(ExitStatus::Clean);
    }
    let known =
        causes.iter().map(|cause| cause.id.as_str()).chain(codes::all().iter().map(|code| code.id.as_str()));
    let is_id = typed != "-" && typed.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if is_id && let Some(near) = nearest(&typed, known) {
        let told =
            format!("'{typed}' is no cause or finding; did you mean '{near}'? `akvlens explain` lists them");
        return Err(Error::Usage(told));
    }
    if is_id && typed.contains('-') {
        return Err(Error::Usage(format!("'{typed}' is no cause or finding; `akvlens explain` lists them")));
    }
    let text = if typed == "-" { pasted()? } else { typed };
    if text.trim().is_empty() {
        return Err(Error::Usage("no text to explain".into()));
    }
    let explanation = explain::explain(&text, args.status, causes);
    write_stdout(explain::page(&explanation, width).as_bytes())?;
    Ok(if explanation.cause.is_some() { ExitStatus::Clean } else { ExitStatus::Findings })
}

/// Checks a token; status 1 when something in it is wrong.
fn check_token(typed: &str, settings: &Settings) -> Result<ExitStatus, Error> {
    let text = if typed.is_empty() || typed == "-" { pasted()? } else { typed.to_owned() };
    let report =
        token::inspect(&text, settings.surroundings.now).map_err(|error| Error::Usage(error.to_string()))?;
    write_stdout(explain::token_page(&report, settings.surroundings.width.min(100)).as_bytes())?;
    let wrong = report.checks.iter().any(|check| check.ok == Some(false));
    Ok(if wrong { ExitStatus::Findings } else { ExitStatus::Clean })
}

/// Standard input, up to a bound.
fn pasted() -> Result<String, Error> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes).map_err(Error::read("standard input"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
