//! The address book for people: a page of it, and the tags that are in use. Reads only.

use rusqlite::{Row, named_params};

use super::{PageFrom, SqlResult, Tx, lossy};

/// A contact in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedContact {
    pub(crate) id: i64,
    /// The name, when there is one.
    pub(crate) name: Option<String>,
    pub(crate) phone_number: String,
    /// The column, as written.
    pub(crate) tags: String,
    /// Whether the person asked for no more messages.
    pub(crate) opted_out: bool,
}

impl Tx<'_> {
    /// At most `limit` contacts, in whose name, number or tags `search` is (or `digits` in the number),
    /// and `tag_part` in the tags, for which `keep` says yes.
    pub(crate) fn page_of_contacts(
        &self,
        search: Option<&str>,
        digits: Option<&str>,
        tag_part: Option<&str>,
        from: PageFrom,
        limit: usize,
        keep: impl Fn(&ListedContact) -> bool,
    ) -> SqlResult<Vec<ListedContact>> {
        let (above, below) = from.bounds();
        let order = from.order();
        // Two statements in one: without a search nothing is compared.
        let found = match (search, tag_part) {
            (None, None) => ":search IS NULL AND :digits IS NULL AND :tag IS NULL",
            _ => {
                "(:search IS NULL OR name LIKE :search ESCAPE '\\'
                    OR phone_number LIKE :search ESCAPE '\\' OR tags LIKE :search ESCAPE '\\'
                    OR phone_number LIKE :digits)
                 AND (:tag IS NULL OR tags LIKE :tag ESCAPE '\\')"
            }
        };
        let sql = format!(
            "SELECT id, name, phone_number, tags, opted_out_at IS NOT NULL AS opted_out
             FROM contacts WHERE id > :above AND id < :below AND {found} ORDER BY id {order}"
        );
        let mut statement = self.prepare(&sql)?;
        let rows = statement.query_map(
            named_params! {
                ":above": above,
                ":below": below,
                ":search": search.map(super::listings::containing),
                ":digits": digits.map(super::listings::containing),
                ":tag": tag_part.map(super::listings::containing),
            },
            read_contact,
        )?;
        let mut kept = Vec::new();
        for row in rows {
            let row = row?;
            if keep(&row) {
                kept.push(row);
            }
            if kept.len() == limit {
                break;
            }
        }
        Ok(from.newest_first(kept))
    }

    /// How many contacts there are.
    pub(crate) fn count_contacts(&self) -> SqlResult<u64> {
        self.prepare("SELECT count(*) FROM contacts")?.query_row([], |row| row.get(0))
    }

    /// The names of the attributes of the newest contacts: what a text may ask for.
    pub(crate) fn some_attributes(&self) -> SqlResult<Vec<String>> {
        let sql = "SELECT DISTINCT a.key AS key
                   FROM (SELECT attributes FROM contacts ORDER BY id DESC LIMIT 200) c,
                       json_each(CASE WHEN json_valid(c.attributes) THEN c.attributes ELSE '{}' END) a
                   WHERE a.key <> '' AND length(a.key) <= 30 LIMIT 12";
        let mut statement = self.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok(lossy(row, "key")?.unwrap_or_default()))?;
        rows.collect()
    }

    /// At most `limit` different values of the column `tags`.
    pub(crate) fn tag_columns(&self, limit: u32) -> SqlResult<Vec<String>> {
        let sql = "SELECT DISTINCT tags FROM contacts WHERE tags <> '[]' LIMIT :limit";
        let mut statement = self.prepare(sql)?;
        let rows = statement.query_map(named_params! { ":limit": limit }, |row| {
            Ok(lossy(row, "tags")?.unwrap_or_default())
        })?;
        rows.collect()
    }
}

fn read_contact(row: &Row<'_>) -> SqlResult<ListedContact> {
    Ok(ListedContact {
        id: row.get("id")?,
        name: lossy(row, "name")?.filter(|name| !name.trim().is_empty()),
        phone_number: lossy(row, "phone_number")?.unwrap_or_default(),
        tags: lossy(row, "tags")?.unwrap_or_default(),
        opted_out: row.get("opted_out")?,
    })
}
