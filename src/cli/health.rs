//! `health`: whether the `serve` of these settings answers and is well. For a container's health check: an image
//! with nothing but the program in it has no curl.

use std::time::Duration;

use super::output::print;
use super::{CliResult, refuse};
use crate::config::Config;
use crate::http::reachable;
use crate::http_client::HttpClient;

const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn health(config: &Config) -> CliResult {
    let address = reachable(config.listen_addr);
    let asked =
        HttpClient::new(TIMEOUT).brief(TIMEOUT).get(&format!("http://{address}/health"), &[]);
    match asked {
        Ok(reply) if reply.status == 200 => print(b"ok\n"),
        Ok(reply) => {
            let words = String::from_utf8_lossy(&reply.body).trim().to_owned();
            refuse(format!("`serve` on {address} is not well: {words}"))
        }
        Err(error) => refuse(format!("no `serve` answers on {address}: {error}")),
    }
}
