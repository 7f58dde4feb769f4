"""What OpenAI's Python client gets from a server: results as one line of JSON, which openai-python.test.ts looks at."""

import asyncio
import base64
import json
import sys
from typing import List, Literal, Optional

import openai
from pydantic import BaseModel

url, picture = sys.argv[1:]
client = openai.OpenAI(base_url=f"{url}/v1", api_key="key", max_retries=0)
messages = [{"role": "user", "content": "What is it?"}]


def chat(**options):
    return client.chat.completions.create(**{"model": "bd", "messages": messages, "max_tokens": 10, **options})


def streamed(**options):
    text, usage, reasons = "", None, []
    for chunk in chat(stream=True, stream_options={"include_usage": True}, **options):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            if choice.finish_reason:
                reasons.append(choice.finish_reason)
        usage = chunk.usage or usage
    return {"text": text, "reasons": reasons, "tokens": usage.completion_tokens}


def whole(**options):
    answer = chat(**options)
    [choice] = answer.choices
    return {
        "text": choice.message.content,
        "reasons": [choice.finish_reason],
        "tokens": answer.usage.completion_tokens,
    }


def with_picture():
    with open(picture, "rb") as file:
        data = base64.b64encode(file.read()).decode()
    content = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}", "detail": "auto"}},
        {"type": "text", "text": "What is it?"},
    ]
    return chat(messages=[{"role": "user", "content": content}]).usage.prompt_tokens


def with_log_probabilities():
    answer = chat(logprobs=True, top_logprobs=2, n=2, temperature=1, seed=3)
    return [
        [[token.token, token.logprob, len(token.top_logprobs)] for token in choice.logprobs.content]
        for choice in answer.choices
    ]


def stopped():
    text = chat(model="ar").choices[0].message.content
    stop = text[2:4]
    answer = chat(model="ar", stop=[stop]).choices[0]
    return {"whole": text, "stop": stop, "text": answer.message.content, "reason": answer.finish_reason}


class Part(BaseModel):
    colour: Literal["red", "blue"]
    size: Optional[int]


class Thing(BaseModel):
    name: str
    parts: List[Part]


def parsed(model):
    answer = client.chat.completions.parse(model=model, messages=messages, max_tokens=60, response_format=Thing)
    thing = answer.choices[0].message.parsed
    return {"isThing": isinstance(thing, Thing), "reason": answer.choices[0].finish_reason}


def with_schema():
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    json_schema = {"name": "colour", "schema": schema, "strict": True}
    return json.loads(chat(response_format={"type": "json_schema", "json_schema": json_schema}, max_tokens=40).choices[0].message.content)


def parsed_stream():
    with client.chat.completions.stream(model="bd", messages=messages, max_tokens=60, response_format=Thing) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    return {"kinds": sorted(kinds), "isThing": isinstance(final.choices[0].message.parsed, Thing)}


def failure(ask):
    try:
        ask()
    except openai.APIStatusError as error:
        return {"type": type(error).__name__, "status": error.status_code, "code": error.code, "param": error.param}
    return None


def continued():
    answer = client.completions.create(model="ar", prompt="What", max_tokens=5, logprobs=1)
    return {"tokens": answer.usage.completion_tokens, "listed": len(answer.choices[0].logprobs.tokens)}


def left():
    stream = chat(stream=True, max_tokens=400, model="ar", extra_body={"response_format": {"type": "regex", "pattern": "[a-z]{400}"}})
    next(iter(stream))
    stream.close()


async def asynchronous():
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="key", max_retries=0) as many:
        def ask(**options):
            return many.chat.completions.create(model="ar", messages=messages, **options)

        answers = await asyncio.gather(*(ask(max_tokens=10) for _ in range(4)))
        long = asyncio.create_task(ask(max_tokens=400, response_format={"type": "regex", "pattern": "[a-z]{400}"}))
        await asyncio.sleep(0.3)
        long.cancel()
        was_cancelled = False
        try:
            await long
        except asyncio.CancelledError:
            was_cancelled = True
        return {"texts": [answer.choices[0].message.content for answer in answers], "wasCancelled": was_cancelled}


left()
stranger = openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0)
print(
    json.dumps(
        {
            "version": openai.__version__,
            "models": [model.id for model in client.models.list()],
            "model": client.models.retrieve("bd").id,
            "whole": {model: whole(model=model) for model in ("ar", "bd")},
            "streamed": {model: streamed(model=model) for model in ("ar", "bd")},
            "promptTokens": {"text": chat().usage.prompt_tokens, "picture": with_picture()},
            "logs": with_log_probabilities(),
            "stopped": stopped(),
            "schema": with_schema(),
            "parsed": {model: parsed(model) for model in ("ar", "bd")},
            "parsedStream": parsed_stream(),
            "continued": continued(),
            "asynchronous": asyncio.run(asynchronous()),
            "failures": [
                failure(lambda: stranger.models.list()),
                failure(lambda: chat(model="none")),
                failure(lambda: chat(temperature=9)),
                failure(lambda: chat(tools=[{"type": "function", "function": {"name": "f"}}])),
                failure(lambda: chat(extra_body={"frobnicate": 1})),
                failure(lambda: chat(messages=[])),
            ],
        }
    )
)
