//! What a power cut leaves of a database's files.
//!
//! Of each file stays what was there at its last sync, and of what was written since then anything:
//! all, nothing, some, or a piece that ends at the border of a sector. Names that were made or
//! removed since the last sync of the directory stay or go in their order, as journalling file
//! systems have it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::disk::{Event, Role};

/// What stays of the writes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing.
    Dropped,
    /// All.
    Kept,
    /// Each one or not, by chance.
    Random { seed: u64 },
    /// All before one by chance; of that one only its first sectors.
    Torn { sector: u64, seed: u64 },
    /// Each one wholly, not, or in some of its sectors, by chance.
    Scattered { sector: u64, seed: u64 },
}

/// The files after a power cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Image {
    pub database: Vec<u8>,
    pub wal: Option<Vec<u8>>,
    pub journal: Option<Vec<u8>>,
    /// The files of messages by their names, when their directory is there.
    pub files: Option<BTreeMap<&'static str, Vec<u8>>>,
}

impl Image {
    /// Lays the files out for the database `path`.
    pub fn write_to(&self, path: &Path) {
        let beside = |end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            name
        };
        std::fs::write(path, &self.database).unwrap();
        for (end, bytes) in [("-wal", &self.wal), ("-journal", &self.journal)] {
            if let Some(bytes) = bytes {
                std::fs::write(beside(end), bytes).unwrap();
            }
        }
        if let Some(files) = &self.files {
            let directory = std::path::PathBuf::from(beside(".files"));
            std::fs::create_dir(&directory).unwrap();
            for (name, bytes) in files {
                std::fs::write(directory.join(name), bytes).unwrap();
            }
        }
    }
}

/// The disk at one point of its history: feed it events in their order.
#[derive(Clone, Debug)]
pub struct Platter {
    files: Vec<File>,
    /// The names on the platter, and those that the program sees.
    durable: HashMap<Role, usize>,
    seen: HashMap<Role, usize>,
    /// Changes of names since the last sync of the directory: a file, or none any more.
    renames: Vec<(Role, Option<usize>)>,
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Truncate { size: u64 },
}

impl Default for Platter {
    /// The program makes the database's file before SQLite sees it: it is there, and empty.
    fn default() -> Self {
        let names = HashMap::from([(Role::Database, 0)]);
        Self {
            files: vec![File::default()],
            durable: names.clone(),
            seen: names,
            renames: Vec::new(),
        }
    }
}

impl Platter {
    /// The next event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Create(role) => {
                self.files.push(File::default());
                let file = self.files.len() - 1;
                self.seen.insert(*role, file);
                self.renames.push((*role, Some(file)));
            }
            Event::Write { role, offset, bytes } => {
                let change = Change::Write { offset: *offset, bytes: bytes.clone() };
                self.file(*role).pending.push(change);
            }
            Event::Truncate { role, size } => {
                self.file(*role).pending.push(Change::Truncate { size: *size });
            }
            Event::Sync { role, directory } => {
                let file = self.file(*role);
                for change in std::mem::take(&mut file.pending) {
                    change.apply(&mut file.durable, None);
                }
                if *directory {
                    self.sync_names(false);
                }
            }
            Event::Delete { role, directory } => {
                self.seen.remove(role);
                self.renames.push((*role, None));
                if *directory {
                    self.sync_names(false);
                }
            }
            Event::Rename { from, to } => {
                let file = self.seen.remove(from).expect("what gets another name is there");
                self.seen.insert(*to, file);
                self.renames.extend([(*to, Some(file)), (*from, None)]);
            }
            Event::SyncNames { of_files } => self.sync_names(*of_files),
            Event::Ended | Event::Got(_) => {}
        }
    }

    fn file(&mut self, role: Role) -> &mut File {
        let file = *self.seen.get(&role).expect("a file is made before it is written");
        &mut self.files[file]
    }

    /// Of one directory; what was changed in the other may still be lost.
    fn sync_names(&mut self, of_files: bool) {
        for (role, file) in std::mem::take(&mut self.renames) {
            if matches!(role, Role::File(_)) != of_files {
                self.renames.push((role, file));
                continue;
            }
            match file {
                Some(file) => self.durable.insert(role, file),
                None => self.durable.remove(&role),
            };
        }
    }

    /// Whether a power cut now could lose anything.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.renames.is_empty() && self.files.iter().all(|file| file.pending.is_empty())
    }

    /// What a power cut now leaves.
    #[must_use]
    pub fn cut(&self, cut: Cut) -> Image {
        let mut random = match cut {
            Cut::Dropped | Cut::Kept => fastrand::Rng::with_seed(0),
            Cut::Random { seed } | Cut::Torn { seed, .. } | Cut::Scattered { seed, .. } => {
                fastrand::Rng::with_seed(seed)
            }
        };
        let renames_kept = match cut {
            Cut::Dropped => 0,
            Cut::Kept => self.renames.len(),
            Cut::Random { .. } | Cut::Torn { .. } | Cut::Scattered { .. } => {
                random.usize(0..=self.renames.len())
            }
        };
        let mut names = self.durable.clone();
        for (role, file) in &self.renames[..renames_kept] {
            match file {
                Some(file) => names.insert(*role, *file),
                None => names.remove(role),
            };
        }
        let mut content =
            |role: Role| names.get(&role).map(|file| self.files[*file].after(cut, &mut random));
        let (database, wal) = (content(Role::Database).unwrap_or_default(), content(Role::Wal));
        let journal = content(Role::Journal);
        let files = names.contains_key(&Role::Directory).then(|| {
            let mut files = BTreeMap::new();
            let mut roles: Vec<_> = names.keys().filter_map(Role::file_name).collect();
            roles.sort_unstable();
            for name in roles {
                files.insert(name, content(Role::File(name)).unwrap_or_default());
            }
            files
        });
        Image { database, wal, journal, files }
    }
}

impl File {
    fn after(&self, cut: Cut, random: &mut fastrand::Rng) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let torn = random.usize(0..=self.pending.len());
        for (place, change) in self.pending.iter().enumerate() {
            match cut {
                Cut::Dropped => {}
                Cut::Kept => change.apply(&mut bytes, None),
                Cut::Random { .. } => {
                    if random.bool() {
                        change.apply(&mut bytes, None);
                    }
                }
                Cut::Torn { sector, .. } => {
                    if place < torn {
                        change.apply(&mut bytes, None);
                    } else if place == torn {
                        let sectors = change.sectors(sector);
                        let kept = random.u64(0..=sectors);
                        change.apply(&mut bytes, Some((sector, &|number| number < kept)));
                    }
                }
                Cut::Scattered { sector, .. } => match random.u8(0..3) {
                    0 => {}
                    1 => change.apply(&mut bytes, None),
                    _ => {
                        let kept: Vec<bool> =
                            (0..change.sectors(sector)).map(|_| random.bool()).collect();
                        let is_kept = |number| kept[usize::try_from(number).unwrap()];
                        change.apply(&mut bytes, Some((sector, &is_kept)));
                    }
                },
            }
        }
        bytes
    }
}

impl Change {
    /// How many sectors it touches.
    fn sectors(&self, sector: u64) -> u64 {
        match self {
            Self::Write { offset, bytes } => {
                (offset + bytes.len() as u64).div_ceil(sector) - offset / sector
            }
            Self::Truncate { .. } => 1,
        }
    }

    /// Does it, or only those of its sectors that are kept, by their number in the write.
    fn apply(&self, file: &mut Vec<u8>, kept: Option<(u64, &dyn Fn(u64) -> bool)>) {
        match self {
            Self::Truncate { size } => {
                if kept.is_none_or(|(_, is_kept)| is_kept(0)) {
                    file.resize(usize::try_from(*size).unwrap(), 0);
                }
            }
            Self::Write { offset, bytes } => {
                let Some((sector, is_kept)) = kept else { return overwrite(file, *offset, bytes) };
                let first = offset / sector;
                for number in (0..self.sectors(sector)).filter(|number| is_kept(*number)) {
                    let end = offset + bytes.len() as u64;
                    let from = offset.max(&((first + number) * sector)) - offset;
                    let to = end.min((first + number + 1) * sector) - offset;
                    let (from, to) = (usize::try_from(from).unwrap(), usize::try_from(to).unwrap());
                    overwrite(file, offset + from as u64, &bytes[from..to]);
                }
            }
        }
    }
}

/// What was never written before reads as zeros.
fn overwrite(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let from = usize::try_from(offset).unwrap();
    let to = from + bytes.len();
    if file.len() < to {
        file.resize(to, 0);
    }
    file[from..to].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(offset: u64, bytes: &[u8]) -> Event {
        Event::Write { role: Role::Database, offset, bytes: bytes.to_vec() }
    }

    #[test]
    fn what_was_synced_stays_and_what_was_not_may_go() {
        let mut platter = Platter::default();
        platter.apply(&write(0, b"old"));
        platter.apply(&Event::Sync { role: Role::Database, directory: false });
        platter.apply(&write(0, b"new"));
        assert_eq!(platter.cut(Cut::Dropped).database, b"old");
        assert_eq!(platter.cut(Cut::Kept).database, b"new");
    }

    #[test]
    fn a_torn_write_ends_at_the_border_of_a_sector_of_the_file() {
        let mut platter = Platter::default();
        platter.apply(&write(500, &[7; 600]));
        let mut ends: Vec<usize> = (0..100)
            .map(|seed| platter.cut(Cut::Torn { sector: 512, seed }).database.len())
            .collect();
        ends.sort_unstable();
        ends.dedup();
        assert_eq!(ends, [0, 512, 1024, 1100]);
    }

    #[test]
    fn a_file_whose_name_was_not_synced_may_be_gone_with_all_its_syncs() {
        let mut platter = Platter::default();
        platter.apply(&Event::Create(Role::Wal));
        platter.apply(&Event::Write { role: Role::Wal, offset: 0, bytes: vec![1] });
        platter.apply(&Event::Sync { role: Role::Wal, directory: false });
        assert_eq!(platter.cut(Cut::Dropped).wal, None);
        platter.apply(&Event::Sync { role: Role::Wal, directory: true });
        assert_eq!(platter.cut(Cut::Dropped).wal, Some(vec![1]));
    }
}
