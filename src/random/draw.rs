//! Fair draws from the randomness of the operating system.

use crate::engine::error::{Error, Result};

/// Random bytes.
///
/// # Errors
/// If the system has none.
pub(super) fn bytes(count: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes).map_err(|e| {
        Error::bug(format!("the system gives no random numbers: {e}")).hint("run again once the system has started up")
    })?;
    Ok(bytes)
}

/// A number below `end`, each with the same chance. `end` is at least 1.
///
/// # Errors
/// If the system has no random numbers.
pub(super) fn below(end: usize) -> Result<usize> {
    let end = end as u64;
    // The numbers above the last full round would favour the small ones.
    let fair = u64::MAX - u64::MAX % end;
    loop {
        let mut number = [0; 8];
        number.copy_from_slice(&bytes(8)?);
        let number = u64::from_ne_bytes(number);
        if number < fair {
            return usize::try_from(number % end).map_err(|e| Error::bug(e.to_string()));
        }
    }
}

/// Puts the items in a random order.
///
/// # Errors
/// If the system has no random numbers.
pub(super) fn shuffle<T>(items: &mut [T]) -> Result<()> {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last + 1)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_below_the_end_is_drawn_and_no_other() {
        let mut seen = [false; 7];
        for _ in 0..2000 {
            seen[below(7).unwrap()] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!(below(1).unwrap(), 0);
    }

    #[test]
    fn a_shuffle_keeps_all_items_and_moves_some() {
        let mut items: Vec<u32> = (0..200).collect();
        shuffle(&mut items).unwrap();
        assert_ne!(items, (0..200).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..200).collect::<Vec<_>>());
    }
}
