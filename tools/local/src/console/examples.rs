//! The page's three requests in the words of curl and of the SDKs, with places for what was typed.
//!
//! `⟦name⟧` stands for a text as JSON writes it, which is a literal of Python and TypeScript too; `⟦[name]⟧` for
//! a list of the lines. The script puts the texts in and, for curl, escapes a quote for the shell.

/// One request in three languages.
pub struct Example {
    pub endpoint: &'static str,
    pub curl: String,
    pub python: String,
    pub typescript: String,
}

/// Returns the examples for a gateway at `url`; without a token they name a variable in its place.
pub fn write_examples(url: &str, token: Option<&str>) -> Vec<Example> {
    let client = Client { url, token };
    vec![
        client.write(
            "chat",
            r#"{"model":"command-a-03-2025","stream":true,"messages":[{"role":"user","content":⟦prompt⟧}]}"#,
            r#"messages = [{"role": "user", "content": ⟦prompt⟧}]
for event in co.chat_stream(model="command-a-03-2025", messages=messages):
    if event.type == "content-delta":
        print(event.delta.message.content.text, end="", flush=True)"#,
            r#"const messages = [{ role: "user" as const, content: ⟦prompt⟧ }];
for await (const event of await co.chatStream({ model: "command-a-03-2025", messages })) {
  if (event.type === "content-delta") process.stdout.write(event.delta?.message?.content?.text ?? "");
}"#,
        ),
        client.write(
            "embed",
            r#"{"model":"embed-v4.0","input_type":"search_document","embedding_types":["float"],"texts":[⟦one⟧,⟦other⟧]}"#,
            r#"answer = co.embed(model="embed-v4.0", input_type="search_document", embedding_types=["float"], texts=[⟦one⟧, ⟦other⟧])
one, other = answer.embeddings.float_
print(sum(a * b for a, b in zip(one, other)))"#,
            r#"const answer = await co.embed({ model: "embed-v4.0", inputType: "search_document", embeddingTypes: ["float"], texts: [⟦one⟧, ⟦other⟧] });
const [one, other] = answer.embeddings.float ?? [];
console.log(one.reduce((sum, value, place) => sum + value * other[place], 0));"#,
        ),
        client.write(
            "rerank",
            r#"{"model":"rerank-v4.0-pro","query":⟦query⟧,"documents":⟦[documents]⟧}"#,
            r#"answer = co.rerank(model="rerank-v4.0-pro", query=⟦query⟧, documents=⟦[documents]⟧)
for result in answer.results:
    print(result.index, result.relevance_score)"#,
            r#"const answer = await co.rerank({ model: "rerank-v4.0-pro", query: ⟦query⟧, documents: ⟦[documents]⟧ });
for (const result of answer.results) console.log(result.index, result.relevanceScore);"#,
        ),
    ]
}

struct Client<'a> {
    url: &'a str,
    token: Option<&'a str>,
}

impl Client<'_> {
    fn write(&self, endpoint: &'static str, json: &str, python: &str, typescript: &str) -> Example {
        let url = self.url;
        let (shell, py, ts) = match self.token {
            Some(token) => (token.to_owned(), format!("\"{token}\""), format!("\"{token}\"")),
            None => (
                "$TOKEN".to_owned(),
                "os.environ[\"TOKEN\"]".to_owned(),
                "process.env.TOKEN".to_owned(),
            ),
        };
        let imports =
            if self.token.is_some() { "import cohere" } else { "import os\nimport cohere" };
        Example {
            endpoint,
            curl: format!(
                "curl -sSN {url}/v2/{endpoint} -H \"Authorization: Bearer {shell}\" \\\n  -H 'Content-Type: application/json' \\\n  -d '{json}'"
            ),
            python: format!("{imports}\nco = cohere.ClientV2({py}, base_url=\"{url}\")\n{python}"),
            typescript: format!(
                "import {{ CohereClientV2 }} from \"cohere-ai\";\nconst co = new CohereClientV2({{ token: {ts}, environment: \"{url}\" }});\n{typescript}"
            ),
        }
    }
}
