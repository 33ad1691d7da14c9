"""The activity of a comment: maintainers talk to the bot, and it does what they may ask for."""

from bot.github import chat, commands, permission
from bot.github.chat import Command, Mistake
from bot.github.client import Client
from bot.github.environment import Environment
from bot.github.replies import OURS, Replies
from bot.github.said import Said
from bot.model.errors import STABLE
from bot.stages.answering import Answering
from bot.stages.saying import say


def talk(environment: Environment, said: Said) -> int:
    """Do what a comment asks for, and give the exit code: that of the first command that ended in another than 0.

    An outsider gets a reaction and no word: nobody else can make the bot talk.

    Raises:
        StabilityProofError: there is no token, or GitHub is out of reach.
    """
    asked = chat.commands(said.body)
    if not asked or said.author.endswith("[bot]") or said.body.startswith(OURS):
        return _nothing(environment, f"comment {said.id} asks for nothing, or is a bot's")
    client = Client(environment.api_url, environment.token, environment.repository)
    right = permission.right(client, said)
    replies = Replies(client, said)
    if right.level == "none":
        replies.react("-1")
        return _nothing(environment, f"{said.author} may not talk to the bot here. {right.why}".rstrip())
    if not replies.react("eyes"):
        return _nothing(environment, f"comment {said.id} is not there any more, or not for this token to see")
    code = _carry_out(asked, Answering(environment, said, right, client), replies)
    if replies.denied is not None:
        say(replies.denied)
    return code


def _carry_out(asked: tuple[Command | Mistake, ...], answering: Answering, replies: Replies) -> int:
    code, reactions = STABLE, set[bool]()
    for number, each in enumerate(asked, start=1):
        if replies.done(number):
            say(f"Command {number} of the comment was carried out already.")
            continue
        try:
            answer = answering.answer(each)
        except Exception:
            replies.react("-1")
            raise
        say(f"Command {number}: {'done' if answer.done else 'not done'}.")
        commands.summarise(answering.environment.summary, f"{answer.text}\n")
        replies.say(number, answer.text, done=answer.done)
        reactions.add(answer.done)
        code = code or answer.code
    if not answering.told:
        commands.assign(answering.environment.output, {"verdict": "", "exit-code": str(code)})
    for done in sorted(reactions):
        replies.react("rocket" if done else "-1")
    return code


def _nothing(environment: Environment, why: str) -> int:
    say(f"Nothing to do: {why}.")
    commands.assign(environment.output, {"verdict": "", "exit-code": str(STABLE)})
    return STABLE
