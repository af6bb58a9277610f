//! What is made from the command line's own definition.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::error::{Error, ExitStatus};
use crate::output::write_stdout;

/// Completions for a shell.
pub(super) fn completions(shell: Shell) -> Result<ExitStatus, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "akvlens", &mut script);
    write_stdout(&script)?;
    Ok(ExitStatus::Clean)
}

/// The manual page, with one section a command.
pub(super) fn man() -> Result<ExitStatus, Error> {
    let mut page = Vec::new();
    let command = Cli::command();
    let written = clap_mangen::Man::new(command.clone()).render(&mut page).and_then(|()| {
        command.get_subcommands().try_for_each(|sub| {
            let title = format!("akvlens-{}", sub.get_name());
            clap_mangen::Man::new(sub.clone()).title(title).render(&mut page)
        })
    });
    written.map_err(Error::write("manual page"))?;
    write_stdout(&page)?;
    Ok(ExitStatus::Clean)
}
