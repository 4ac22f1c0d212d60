//! The stylesheet, the script and the icon: inside the program, under names that change with them.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::reply;
use crate::http::{Request, Response};
use crate::secret::to_hex;

struct Asset {
    path: String,
    content_type: &'static str,
    content: &'static str,
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    let (style, script, icon) = (
        include_str!("../../templates/panel.css"),
        include_str!("../../templates/panel.js"),
        include_str!("../../templates/icon.svg"),
    );
    [
        asset("panel", "css", "text/css; charset=utf-8", style),
        asset("panel", "js", "text/javascript; charset=utf-8", script),
        asset("icon", "svg", "image/svg+xml", icon),
    ]
});

fn asset(name: &str, ending: &str, content_type: &'static str, content: &'static str) -> Asset {
    let hash = Sha256::digest(content.as_bytes());
    let hash = to_hex(&hash[..6]);
    Asset { path: format!("/panel/assets/{name}-{hash}.{ending}"), content_type, content }
}

pub(super) fn paths() -> [&'static str; 3] {
    ASSETS.each_ref().map(|asset| asset.path.as_str())
}

pub(super) fn find(request: &Request) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| asset.path == request.target)?;
    matches!(request.method.as_str(), "GET" | "HEAD")
        .then(|| reply::lasting(asset.content_type, asset.content.as_bytes()))
}
