//! Calls about images.

use bollard::body_full;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;
use hyper::body::Bytes;
use serde_json::Value;

use crate::engine::Engine;
use crate::engine::error::{EngineError, of_bollard};
use crate::engine::transport::list;

impl Engine {
    /// All images, raw.
    pub async fn images(&self) -> Result<Vec<Value>, EngineError> {
        list("images", self.get("/images/json").await?, "Id")
    }

    /// Makes an image of a tar archive of a file system, named `repository:tag`.
    pub async fn import_image(&self, archive: Vec<u8>, repository: &str, tag: &str) -> Result<(), EngineError> {
        let call = "import image";
        let options = CreateImageOptionsBuilder::new().from_src("-").repo(repository).tag(tag).build();
        let import = async {
            let body = body_full(Bytes::from(archive));
            let mut progress = std::pin::pin!(self.docker.create_image(Some(options), Some(body), None));
            while let Some(message) = progress.next().await {
                message.map_err(|error| of_bollard(self.address(), call, self.timeout, &error))?;
            }
            Ok(())
        };
        let late = |_| EngineError::Timeout { call: call.to_owned(), after: self.timeout };
        tokio::time::timeout(self.timeout, import).await.map_err(late)?
    }
}
