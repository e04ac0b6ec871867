//! The `countersign` executable: one call into the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    countersign::cli::main()
}
