//! How the C library keeps memory.
//!
//! glibc gives threads arenas and caches of their own, keeps stacks of threads that ended, and raises by itself the
//! size from which memory goes back to the system at once. After a flood of requests the program would hold MiB
//! that nothing uses. glibc reads its tunables only when a program starts: so `serve` starts itself once more
//! with them. Other C libraries ignore them.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
const TUNABLES: &str = "glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=32768:glibc.malloc.trim_threshold=32768:\
    glibc.malloc.top_pad=0:glibc.malloc.tcache_count=0:glibc.pthread.stack_cache_size=0";

#[cfg(all(target_os = "linux", target_env = "gnu"))]
const VARIABLE: &str = "GLIBC_TUNABLES";

/// Whether [`restart`] would do something: not twice, nor when somebody chose tunables.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn may_restart() -> bool {
    std::env::var_os(VARIABLE).is_none()
}

/// Replaces the program by itself with these tunables. The process stays, with its id, its arguments and its
/// files. When that cannot be done, the program goes on as it is, only larger.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn restart() {
    use std::os::unix::process::CommandExt;

    let (Ok(program), mut arguments) = (std::env::current_exe(), std::env::args_os()) else {
        return;
    };
    let mut command = std::process::Command::new(&program);
    command.arg0(arguments.next().unwrap_or_else(|| program.into_os_string()));
    drop(command.args(arguments).env(VARIABLE, TUNABLES).exec()); // it returns only when it failed
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn may_restart() -> bool {
    false
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn restart() {}
