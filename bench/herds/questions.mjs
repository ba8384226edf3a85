// Questions and answers between a process and those it forked, any number of them at a time.
let last = 0;

/** Asks a forked process; rejects when the answer is an error, or when the process ends without one. */
export function ask(child, question, value) {
  const id = ++last;
  return new Promise((fulfil, reject) => {
    const ended = (code) => settle(() => reject(new Error(`The process asked for "${question}" ended with ${code}.`)));
    const answered = (message) => {
      if (message.answerTo !== id) return;
      settle(() => (message.error === undefined ? fulfil(message.value) : reject(new Error(message.error))));
    };
    const settle = (act) => {
      child.off("message", answered);
      child.off("exit", ended);
      act();
    };
    child.on("message", answered);
    child.on("exit", ended);
    child.send({ id, question, value }, (error) => error && settle(() => reject(error)));
  });
}

/** Answers what the process that forked this one asks, by functions of those names. */
export function answerQuestions(process, answers) {
  process.on("message", async ({ id, question, value }) => {
    try {
      process.send({ answerTo: id, value: await answers[question](value) });
    } catch (error) {
      process.send({ answerTo: id, error: `${question}: ${error.stack}` });
    }
  });
}
