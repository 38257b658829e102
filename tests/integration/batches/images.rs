//! Images and mixed inputs: split by the model's own limit, in order.

use gateway_tests::sandbox_pair::SandboxPair;
use gateway_tests::scripted_cohere::EmbedAnswer;
use serde_json::{Value, json};

/// A PNG of one dot, and bytes after its end that make it another input.
fn make_image(number: usize) -> String {
    let dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJg";
    format!("data:image/png;base64,{dot}{number:04}")
}

fn build_body(model: &str, images: &[String]) -> Value {
    json!({ "model": model, "input_type": "image", "images": images })
}

fn build_mixed_body(inputs: &[Value]) -> Value {
    json!({ "model": "embed-v4.0", "input_type": "search_document", "inputs": inputs })
}

/// Asks the sandbox for each image alone.
async fn embed_alone(both: &SandboxPair, model: &str, images: &[String]) -> Vec<String> {
    let mut cells = Vec::new();
    for image in images {
        let answer =
            both.send_directly("/v2/embed", &build_body(model, std::slice::from_ref(image))).await;
        cells.push(EmbedAnswer::parse(&answer).cells("float")[0].to_string());
    }
    cells
}

#[tokio::test]
async fn images_are_split_by_model_limit() {
    let both = SandboxPair::start(&[]).await;
    let images: Vec<_> = [1, 2, 3].map(make_image).to_vec();
    for (model, calls, units) in [
        ("embed-english-v3.0", 3, json!({ "images": 3 })),
        ("embed-v4.0", 1, json!({ "input_tokens": 0, "image_tokens": 777 })),
    ] {
        let expected = embed_alone(&both, model, &images).await;
        let answer =
            both.send_through("/v2/embed", &build_body(model, &images), calls, "miss").await;
        let embedded = EmbedAnswer::parse(&answer);
        assert_eq!(embedded.cells("float"), expected, "{model}");
        assert_eq!((embedded.images.len(), embedded.texts.len()), (3, 0), "{model}");
        assert_eq!(embedded.meta["billed_units"], units, "{model}");

        // Another order, one twice, one new.
        let more: Vec<_> = [3, 4, 1, 4].map(make_image).to_vec();
        let expected = embed_alone(&both, model, &more).await;
        let answer = both.send_through("/v2/embed", &build_body(model, &more), 1, "partial").await;
        let embedded = EmbedAnswer::parse(&answer);
        assert_eq!(embedded.cells("float"), expected, "{model}");
        assert_eq!(embedded.images.len(), 4, "{model}");
    }
}

#[tokio::test]
async fn mixed_inputs_are_split_in_order_uncached() {
    let both = SandboxPair::start(&[]).await;
    let input = |number: usize| {
        let text = json!({ "type": "text", "text": format!("number {number}") });
        let picture = json!({ "type": "image_url", "image_url": { "url": make_image(number) } });
        json!({ "content": if number.is_multiple_of(3) { json!([text, picture]) } else { json!([text]) } })
    };
    let inputs: Vec<_> = (0..100).map(input).collect();
    let (mut cells, mut images, mut tokens) = (Vec::new(), 0, 0);
    for sent in [&inputs[..96], &inputs[96..]] {
        let answer = both.send_directly("/v2/embed", &build_mixed_body(sent)).await;
        let embedded = EmbedAnswer::parse(&answer);
        cells.extend(embedded.cells("float").into_iter().map(str::to_string));
        images += embedded.images.len();
        tokens += embedded.meta["billed_units"]["input_tokens"].as_u64().expect("tokens");
    }
    assert_eq!((cells.len(), images), (100, 34));
    for _ in 0..2 {
        let answer = both.send_through("/v2/embed", &build_mixed_body(&inputs), 2, "bypass").await;
        let embedded = EmbedAnswer::parse(&answer);
        assert_eq!(embedded.cells("float"), cells);
        assert_eq!(embedded.images.len(), images);
        assert_eq!(embedded.meta["billed_units"]["input_tokens"], tokens);
    }
}
