//! Times, as Kotlin and Swift have them.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// A time in milliseconds; nothing here is from before 1970.
pub(crate) fn system_time(time: Timestamp) -> SystemTime {
    let since_1970 = Duration::from_millis(time.as_millisecond().try_into().unwrap_or_default());
    SystemTime::UNIX_EPOCH.checked_add(since_1970).unwrap_or(SystemTime::UNIX_EPOCH)
}
