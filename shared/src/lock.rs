//! One way to take a lock that a panic may have poisoned.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic of an earlier holder.
///
/// What stands behind the gateway's locks is valid between any two statements, so a panic leaves
/// nothing half done. Refusing the lock would switch the part off for as long as the environment
/// lives, which may be hours.
pub fn lock_anyway<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poisoned_lock_still_opens() {
        let mutex = Mutex::new(1);
        let result = std::panic::catch_unwind(|| {
            let mut value = lock_anyway(&mutex);
            *value = 2;
            panic!("while it is held");
        });
        assert!(result.is_err() && mutex.is_poisoned());
        assert_eq!(*lock_anyway(&mutex), 2);
    }
}
