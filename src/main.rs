//! The doorframe: everything is in the library, where it can be tested.

fn main() -> std::process::ExitCode {
    auto_message_scheduler::cli::main()
}
