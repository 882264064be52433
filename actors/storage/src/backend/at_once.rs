//! Which file operations never wait for a device: they are done where the data is, for handing them to another
//! thread and back takes longer than they do.

use std::fs::File;
use std::io;

/// Whether everything about this file happens in memory (tmpfs and its like).
#[cfg(target_os = "linux")]
pub(super) fn never_waits(file: &File) -> bool {
    /// The kernel's numbers of tmpfs and ramfs (`statfs(2)`).
    const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];
    rustix::fs::fstatfs(file).is_ok_and(|found| {
        u32::try_from(found.f_type).is_ok_and(|number| IN_MEMORY.contains(&number))
    })
}

/// Fills `room` from `offset` if all of it is in the page cache; otherwise nothing can be said of `room`.
#[cfg(target_os = "linux")]
pub(super) fn read_cached(file: &File, room: &mut [u8], offset: u64) -> bool {
    use rustix::io::{ReadWriteFlags, preadv2};
    let length = room.len();
    let mut room = [io::IoSliceMut::new(room)];
    preadv2(file, &mut room, offset, ReadWriteFlags::NOWAIT).is_ok_and(|read| read == length)
}

/// Elsewhere nothing is known of a file: every operation may wait.
#[cfg(not(target_os = "linux"))]
pub(super) fn never_waits(_: &File) -> bool {
    false
}

/// Elsewhere there is no such reading.
#[cfg(not(target_os = "linux"))]
pub(super) fn read_cached(_: &File, _: &mut [u8], _: u64) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn what_is_read_from_the_cache_is_what_was_written() {
        let name = std::env::temp_dir().join(format!("carnet-cached-{}", std::process::id()));
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&name)
            .unwrap();
        std::fs::remove_file(&name).unwrap();
        file.write_all_at(b"0123456789", 0).unwrap();
        let mut room = [0; 4];
        if read_cached(&file, &mut room, 3) {
            assert_eq!(&room, b"3456");
        }
        assert!(
            !read_cached(&file, &mut room, 8),
            "only half of it is there"
        );
    }
}
