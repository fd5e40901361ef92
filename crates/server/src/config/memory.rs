//! How much memory this machine, or this container, has.

use std::fs;

use super::{ByteSize, ConfigError};

/// The limit in bytes.
pub(super) fn limit(size: ByteSize) -> Result<u64, ConfigError> {
    let percent = match size {
        ByteSize::Bytes(bytes) if bytes >= 64 << 20 => return Ok(bytes),
        ByteSize::Bytes(_) => return Err(invalid("at least 64MB are needed")),
        ByteSize::Percent(percent) => percent,
    };
    let memory = available().ok_or_else(|| invalid("this system does not tell how much memory it has; give a size"))?;
    Ok(memory / 100 * u64::from(percent))
}

fn invalid(reason: &str) -> ConfigError {
    ConfigError::Value { key: "--memory-limit", reason: reason.to_owned() }
}

/// The machine's memory, or the control group's limit when that is less.
fn available() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| memory_total(&text));
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let group = groups.iter().find_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    match (machine, group) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (one, other) => one.or(other),
    }
}

fn memory_total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_read() {
        assert_eq!(memory_total("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16 << 20));
        assert_eq!(memory_total("nothing"), None);
        assert!(limit(ByteSize::Bytes(1)).is_err());
    }
}
