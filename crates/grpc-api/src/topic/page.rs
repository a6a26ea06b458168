//! Pages of topics. A token is the last name of the page before: it stays good whatever is created or deleted.

use model::TopicName;
use rpc::{InvalidField, v1};

const PAGE_SIZE_MAX: usize = 1_000;
/// Tells our tokens from anything else that finds its way into the field.
const TOKEN_PREFIX: &str = "after:";

/// Which page is wanted.
pub(crate) struct Page {
    /// The name that the page follows.
    pub(crate) after: Option<TopicName>,
    /// How many topics, at most.
    pub(crate) size: usize,
}

/// Checks size and token.
pub(crate) fn read(request: &v1::ListTopicsRequest) -> Result<Page, InvalidField> {
    let asked = usize::try_from(request.page_size)
        .map_err(|_| InvalidField::new("page_size", request.page_size, "0 to 1000"))?;
    let size = match asked {
        0 => PAGE_SIZE_MAX,
        asked => asked.min(PAGE_SIZE_MAX),
    };
    let after =
        match request.page_token.as_str() {
            "" => None,
            token => {
                let name = token.strip_prefix(TOKEN_PREFIX);
                let name = name.and_then(|name| TopicName::new(name).ok());
                let expected = "the `next_page_token` of the page before, or nothing";
                Some(name.ok_or_else(|| {
                    InvalidField::new("page_token", token.escape_debug(), expected)
                })?)
            }
        };
    Ok(Page { after, size })
}

/// The token of the page that follows this name.
pub(crate) fn token(last: &TopicName) -> String {
    format!("{TOKEN_PREFIX}{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(page_size: i32, page_token: &str) -> v1::ListTopicsRequest {
        v1::ListTopicsRequest {
            page_size,
            page_token: page_token.to_owned(),
            prefix: String::new(),
        }
    }

    #[test]
    fn a_token_reads_back_and_a_foreign_one_is_refused() {
        let name = TopicName::new("a.b").unwrap();
        let page = read(&asked(7, &token(&name))).unwrap();
        assert_eq!((page.after, page.size), (Some(name), 7));
        for foreign in ["a.b", "after:", "after:../x", "after:a\0"] {
            assert_eq!(
                read(&asked(0, foreign)).err().map(|e| e.field),
                Some("page_token".to_owned())
            );
        }
    }

    #[test]
    fn a_page_has_at_most_a_thousand_topics_and_no_negative_number() {
        assert_eq!(read(&asked(0, "")).map(|page| page.size).ok(), Some(1_000));
        assert_eq!(
            read(&asked(i32::MAX, "")).map(|page| page.size).ok(),
            Some(1_000)
        );
        assert!(read(&asked(-1, "")).is_err());
    }
}
